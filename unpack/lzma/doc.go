// Package lzma decodes LZMA: the streams of old .lzma files, and LZMA2 in the .xz container with its filters.
//
// One core (core.go) serves two ways of use. A [Decoder] takes a whole block whose output has a bound, as squashfs has
// them: the output is the dictionary, and nothing is allocated. A [Reader] (one LZMA stream) and an [XZReader] (a .xz
// file) decode what comes from a bufio.Reader and leave in it, to the byte, what follows; their window grows with what
// is decoded, so that a stream pays for what it holds and not for what its header asks for, and a window above the
// caller's limit is refused before anything is allocated.
//
// The bytes are hostile. Everything that the container says twice is compared, every checksum of a known kind is
// verified, and no byte that was made up from missing input is handed out.
//
// The formats: the LZMA SDK's lzma-specification.txt, XZ Utils' lzma-file-format.txt, "The .xz File Format" 1.2.1
// (tukaani.org), and for LZMA2, which none of them describes, the Linux kernel's lib/xz/xz_dec_lzma2.c.
//
// The package may be used by unpack and unpack/squashfs; it imports no other package of the module.
package lzma
