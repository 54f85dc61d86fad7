package file

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// attribute is the extended attribute in which Linux keeps file capabilities (capabilities(7)).
const attribute = "security.capability"

// The layout of struct vfs_ns_cap_data in linux/capability.h: a word with the revision in its top byte, then pairs of
// words, permitted and inheritable, of 32 capabilities each; revision 3 ends with the user id of a name space's root.
const (
	revisionShift = 24
	pairSize      = 8
)

// revisions are the number of pairs and the size in bytes of each revision; the kernel takes no other size.
var revisions = map[uint32]struct{ pairs, size int }{
	1: {1, 12},
	2: {2, 20},
	3: {2, 24},
}

// names are the capabilities in the order of their numbers (linux/capability.h of Linux 6.16).
var names = [...]string{
	"cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid", "cap_setuid",
	"cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin", "cap_net_raw",
	"cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot", "cap_sys_ptrace", "cap_sys_pacct",
	"cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource", "cap_sys_time", "cap_sys_tty_config", "cap_mknod",
	"cap_lease", "cap_audit_write", "cap_audit_control", "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog",
	"cap_wake_alarm", "cap_block_suspend", "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
}

// none is shared by the many files without capabilities.
var none = []string{}

// capabilities sets the attribute of that name, where the container can carry it.
func capabilities(n *tree.Node, a *fact.File) error {
	for _, x := range n.Xattrs {
		if x.Name != attribute {
			continue
		}
		list, err := decode(x.Value)
		if err != nil {
			return err
		}
		a.Capabilities = fact.Known(list)
		return nil
	}
	if n.Has&tree.HasXattrs != 0 {
		a.Capabilities = fact.Known(none)
	}
	return nil
}

// decode returns the names of all capabilities that the attribute gives, sorted: those of the permitted set, and of the
// inheritable one too, which gives them to a process that was started with them. Numbers without a name are cap_NN.
func decode(b []byte) ([]string, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("the attribute %s has %d bytes", attribute, len(b))
	}
	revision := binary.LittleEndian.Uint32(b) >> revisionShift
	r, ok := revisions[revision]
	if !ok {
		return nil, fmt.Errorf("the attribute %s has the unknown revision %d", attribute, revision)
	}
	if len(b) != r.size {
		return nil, fmt.Errorf("the attribute %s has %d bytes, revision %d has %d", attribute, len(b), revision, r.size)
	}
	list := []string{}
	for i := range r.pairs {
		at := 4 + i*pairSize
		set := binary.LittleEndian.Uint32(b[at:]) | binary.LittleEndian.Uint32(b[at+4:])
		for bit := range 32 {
			if set>>bit&1 != 0 {
				list = append(list, name(i*32+bit))
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

func name(number int) string {
	if number < len(names) {
		return names[number]
	}
	return fmt.Sprintf("cap_%d", number)
}
