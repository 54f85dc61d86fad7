package elf

import "strconv"

// Machines whose rules this package knows (e_machine).
const (
	machine386     = 3
	machineMIPS    = 8
	machinePPC     = 20
	machinePPC64   = 21
	machineS390    = 22
	machineARM     = 40
	machineX86_64  = 62
	machineAArch64 = 183
	machineRISCV   = 243
	machineAlpha   = 0x9026
)

// machines are the names of architectures that products are built for; others are em-NUMBER.
var machines = map[uint16]string{
	2: "sparc", machine386: "i386", 4: "m68k", machineMIPS: "mips", 10: "mips", 15: "parisc", 18: "sparc", machinePPC: "ppc", machinePPC64: "ppc64",
	machineS390: "s390", machineARM: "arm", 42: "sh", 43: "sparc64", 44: "tricore", 45: "arc", 50: "ia64", machineX86_64: "x86_64", 83: "avr",
	87: "v850", 92: "or1k", 93: "arc", 94: "xtensa", 105: "msp430", 106: "blackfin", 113: "nios2", 140: "c6000", 144: "pru", 164: "hexagon",
	167: "nds32", machineAArch64: "aarch64", 188: "tilepro", 189: "microblaze", 190: "cuda", 191: "tilegx", 195: "arc", 224: "amdgpu",
	machineRISCV: "riscv", 247: "bpf", 252: "csky", 258: "loongarch", machineAlpha: "alpha",
}

func machineName(m uint16) string {
	if name, ok := machines[m]; ok {
		return name
	}
	return "em-" + strconv.Itoa(int(m))
}

// stackWithout tells whether the stack is executable where no header speaks of it: known is false where that depends on the system.
//
// Linux asks the architecture (elf_read_implies_exec in arch/*/include/asm/elf.h, VM_STACK_DEFAULT_FLAGS in asm/page.h): on i386 and arm
// such a program has always had everything executable that is readable, on ppc64 and riscv never. On x86_64 and aarch64 Linux 5.8
// ended it, on mips it depends on the version and the processor. The GNU C library then makes the stacks of threads executable where its
// own default (DEFAULT_STACK_PERMS in sysdeps/*/stackinfo.h) says so, whatever the kernel did with the first one.
func stackWithout(machine uint16, gnu bool) (executable, known bool) {
	switch machine {
	case machine386, machineARM:
		return true, true
	case machinePPC64, machineRISCV:
		return false, true
	case machineX86_64, machineMIPS, machinePPC:
		return true, gnu
	}
	return false, false
}

// guards are what code that was compiled with a stack protector refers to.
var guards = set("__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard", "__stack_smash_handler")

// checkedVariants are functions of which the GNU C library exports a checked variant, __NAME_chk (versions 2.36 to 2.40).
var checkedVariants = set(
	"asprintf", "confstr", "dprintf", "explicit_bzero", "fgets", "fgets_unlocked", "fgetws", "fgetws_unlocked", "fprintf", "fread",
	"fread_unlocked", "fwprintf", "getcwd", "getdomainname", "getgroups", "gethostname", "getlogin_r", "gets", "getwd", "longjmp",
	"mbsnrtowcs", "mbsrtowcs", "mbstowcs", "memcpy", "memmove", "mempcpy", "memset", "obstack_printf", "obstack_vprintf", "poll", "ppoll",
	"pread", "pread64", "printf", "ptsname_r", "read", "readlink", "readlinkat", "realpath", "recv", "recvfrom", "snprintf", "sprintf",
	"stpcpy", "stpncpy", "strcat", "strcpy", "strlcat", "strlcpy", "strncat", "strncpy", "swprintf", "syslog", "ttyname_r", "vasprintf",
	"vdprintf", "vfprintf", "vfwprintf", "vprintf", "vsnprintf", "vsprintf", "vswprintf", "vsyslog", "vwprintf", "wcpcpy", "wcpncpy",
	"wcrtomb", "wcscat", "wcscpy", "wcslcat", "wcslcpy", "wcsncat", "wcsncpy", "wcsnrtombs", "wcsrtombs", "wcstombs", "wctomb", "wmemcpy",
	"wmemmove", "wmempcpy", "wmemset", "wprintf",
)

// checkedOnly have a checked variant, but being called without it says nothing: macros, and functions that only Android's library checks.
var checkedOnly = set("fdelt", "FD_SET", "FD_CLR", "FD_ISSET", "strlen", "strchr", "strrchr", "umask", "write", "send", "sendto")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
