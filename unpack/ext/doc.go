// Package ext reads ext2, ext3 and ext4 images: the whole tree with every
// attribute, the contents, and an account of what every byte of the image is. It
// never writes, never mounts, replays no journal, and needs no privileges.
//
// An image is hostile. Every offset and length is checked against the image, every
// allocation is bounded by something that was read, a block that maps others or
// lists a directory is used once, so that neither loops nor bombs can be built of
// them, and what cannot be read becomes a [Problem] while the rest is still walked: a
// truncated or corrupted image gives all that is left of it. Limits count bytes,
// entries and extents, never time, so that the same image gives the same result on
// every host.
//
// Names, link targets and attribute values are raw bytes of the image; to escape
// them is up to the caller, as is the budget for the bytes of contents: a file may
// have terabytes of holes (see Entry.Allocated), and a damaged or deduplicated image
// may give many files the same blocks.
//
// A checksum that does not match is a [Problem] that wraps [ErrChecksum]; the bytes
// are used all the same, which the kernel would not do.
//
// The layout was taken from Documentation/filesystems/ext4 and from the struct
// definitions of fs/ext4/ext4.h, ext4_extents.h and xattr.h of the Linux kernel.
//
// The package may be used by unpack; it imports no other package of the module.
package ext
