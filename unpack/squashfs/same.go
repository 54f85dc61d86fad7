package squashfs

// SameContent tells whether two files of one walk are names of the same inode, as far as their bytes go. Equal inode numbers
// alone do not: the image says them, and may lie.
func (e *Entry) SameContent(as *Entry) bool {
	return e.Type == File && as.Type == File && e.Lacks&LacksInode == 0 && as.Lacks&LacksInode == 0 && e.content == as.content
}
