// Package squashfs reads squashfs 4.0 images: the whole tree with every
// attribute, the contents, and an account of which bytes of the image were read
// as what. It never writes, never mounts, and needs no privileges.
//
// An image is hostile. Every offset and length is checked against the image,
// every allocation is bounded by something that was read, directories that refer
// to themselves are refused, and what cannot be read becomes a [Problem] while the
// rest is still walked: a truncated or corrupted image gives all that is left of
// it. Limits count bytes, entries and steps, never time, so that the same image
// gives the same result on every host.
//
// Names, link targets and attribute values are raw bytes of the image; to escape
// them is up to the caller, as is the budget for the bytes of contents: many files
// may share one block, which is deduplication, and a file may have terabytes of
// holes.
//
// The layout was taken from fs/squashfs/squashfs_fs.h of the Linux kernel and from
// Documentation/filesystems/squashfs.rst there. What the kernel would refuse to
// read is refused here as well; where it tolerates something odd, so do we.
//
// The package may be used by unpack; of the module it imports unpack/lzma and nothing else.
package squashfs
