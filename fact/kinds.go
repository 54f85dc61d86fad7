package fact

// definitions is the table of all kinds. A struct's field tag `fact:"name,key=1,identity"` names the attribute; key
// gives its place in the kind's key; identity marks what could tell who the vendor is. A blank field stands for the
// fact's path in the key.
var definitions = []definition{
	{"unobserved", "something that could not be looked at, and what it may hide", Unobserved{}, false},
	{"system", "a root file system found inside the release", System{}, false},
	{"file", "a node of the tree with its rights and owner", File{}, false},
	{"account", "an account of passwd, joined with shadow", Account{}, false},
	{"group", "a group of the group file", Group{}, false},
	{"authorized_key", "a public key that may log in to an account without a password", AuthorizedKey{}, false},
	{"elf", "an ELF program or library and how it was hardened when built", ELF{}, true},
	{"sshd", "the effective configuration of an OpenSSH server", SSHD{}, false},
	{"sshd_option", "an option as an OpenSSH server's configuration writes it", SSHDOption{}, false},
	{"package", "an installed package of the system's package manager", Package{}, false},
	{"service", "a program that would be started, or would listen, as the system is configured", Service{}, false},
}

// Unobserved is recorded instead of silence.
type Unobserved struct {
	_      struct{}    `fact:"path,key=1"`
	Reason string      `fact:"reason,key=2" doc:"why, as one of a few fixed words: budget, truncated, damaged, encrypted, unknown-format, unreadable, unparsed, changed, link, unaccounted, unsupported"`
	Detail string      `fact:"detail" doc:"the same for people"`
	Hides  []string    `fact:"hides" doc:"kinds that may be hidden; * is every kind"`
	Offset Opt[int64]  `fact:"offset" doc:"first byte of the range in the node's innermost bytes"`
	Length Opt[int64]  `fact:"length" doc:"bytes in the range; absent when not known"`
	By     Opt[string] `fact:"by" doc:"observer that addresses the file; absent when unpacking could not read it"`
}

// System describes one root file system.
type System struct {
	Root string      `fact:"root,key=1" doc:"address of its root directory"`
	ID   Opt[string] `fact:"id" doc:"ID of os-release(5)"`
	// Version is VERSION_ID of os-release(5).
	Version Opt[string] `fact:"version" doc:"VERSION_ID of os-release(5)"`
	Name    Opt[string] `fact:"name,identity" doc:"PRETTY_NAME of os-release(5)"`
	Nodes   int64       `fact:"nodes" doc:"nodes in the system"`
}

// File is a node of the tree. Rights and owners are absent where the container has none (a zip), or does not say.
type File struct {
	_             struct{}      `fact:"path,key=1"`
	Type          string        `fact:"type" doc:"file, dir, symlink, char, block, fifo, socket"`
	Mode          Opt[int64]    `fact:"mode" doc:"the twelve permission bits, as a number"`
	UID           Opt[int64]    `fact:"uid" doc:"numeric owner"`
	GID           Opt[int64]    `fact:"gid" doc:"numeric group"`
	Setuid        Opt[bool]     `fact:"setuid" doc:"runs with its owner's rights: a regular file with the bit and an execute bit"`
	Setgid        Opt[bool]     `fact:"setgid" doc:"runs with its group's rights: a regular file with the bit and group execute"`
	Sticky        Opt[bool]     `fact:"sticky" doc:"only owners may remove from this directory"`
	WorldReadable Opt[bool]     `fact:"world_readable" doc:"others may read; never true of a symbolic link"`
	WorldWritable Opt[bool]     `fact:"world_writable" doc:"others may write; never true of a symbolic link, whose own bits mean nothing"`
	GroupWritable Opt[bool]     `fact:"group_writable" doc:"the group may write; never true of a symbolic link"`
	Executable    Opt[bool]     `fact:"executable" doc:"a regular file with an execute bit"`
	Capabilities  Opt[[]string] `fact:"capabilities" doc:"file capabilities of security.capability, permitted or inheritable, lower case, sorted, as cap_net_raw; empty where there are none; absent where the container cannot carry them"`
	ACL           Opt[bool]     `fact:"acl" doc:"a POSIX access control list names further users or groups; absent where the container cannot carry one, or it cannot be read"`
	Major         Opt[int64]    `fact:"major" doc:"of a device; absent where the container does not say"`
	Minor         Opt[int64]    `fact:"minor" doc:"of a device, likewise"`
	Size          Opt[int64]    `fact:"size" doc:"bytes"`
	Digest        Opt[string]   `fact:"digest" doc:"SHA-256 of the bytes, hexadecimal"`
	Target        Opt[string]   `fact:"target" doc:"of a symbolic link"`
	Links         Opt[string]   `fact:"links" doc:"of a hard link in an archive: the path of the entry that it repeats"`
	Format        Opt[string]   `fact:"format" doc:"what the content was recognised as"`
}

// Account is one line of passwd(5), joined with its line of shadow(5).
type Account struct {
	Name      string      `fact:"name,key=1" doc:"login name"`
	UID       Opt[int64]  `fact:"uid" doc:"numeric user id"`
	GID       Opt[int64]  `fact:"gid" doc:"numeric id of the primary group"`
	Home      Opt[string] `fact:"home" doc:"home directory"`
	Shell     Opt[string] `fact:"shell" doc:"login shell as written; empty means /bin/sh"`
	CanLogin  Opt[bool]   `fact:"can_login" doc:"the shell is none of those that refuse a session (nologin, false, true, sync, shutdown, halt, /dev/null)"`
	Password  Opt[string] `fact:"password" doc:"set, empty (no password needed), locked (no password can match), or locked-set (a hash behind a lock mark); absent when shadow could not be read or has no such account"`
	Scheme    Opt[string] `fact:"scheme" doc:"crypt(5) scheme of the hash: yescrypt, gost-yescrypt, scrypt, bcrypt, sha512crypt, sha256crypt, sm3crypt, sha1crypt, md5crypt, sunmd5, nthash, bsdicrypt, descrypt, bigcrypt, unknown; absent where there is no hash"`
	Rounds    Opt[int64]  `fact:"rounds" doc:"cost of the hash where the scheme states one"`
	Salted    Opt[bool]   `fact:"salted" doc:"the hash has a salt of at least one character"`
	InShadow  Opt[bool]   `fact:"in_shadow" doc:"the hash stands in shadow, not in the world-readable passwd; absent where there is no hash"`
	MaxDays   Opt[int64]  `fact:"max_days" doc:"days after which the password must be changed, of shadow"`
	MinDays   Opt[int64]  `fact:"min_days" doc:"days before which it cannot be changed, of shadow"`
	MustReset Opt[bool]   `fact:"must_reset" doc:"the password has to be changed at the first log-in (last change 0 in shadow)"`
	Comment   Opt[string] `fact:"comment,identity" doc:"comment field"`
	SamePW    Opt[bool]   `fact:"same_hash" doc:"another account of the system has the very same hash, salt included"`
}

// Group is one line of group(5).
type Group struct {
	Name    string     `fact:"name,key=1" doc:"group name"`
	GID     Opt[int64] `fact:"gid" doc:"numeric group id"`
	Members []string   `fact:"members" doc:"accounts listed, in the file's order"`
}

// AuthorizedKey is one line of an authorized_keys file (sshd(8)).
type AuthorizedKey struct {
	Account     string      `fact:"account,key=1" doc:"account whose home holds the file"`
	Fingerprint string      `fact:"fingerprint,key=2" doc:"SHA-256 of the public key, as OpenSSH prints it"`
	Type        string      `fact:"type" doc:"key type, as ssh-ed25519"`
	Bits        Opt[int64]  `fact:"bits" doc:"size of the key in bits, where its type leaves a choice"`
	Options     []string    `fact:"options" doc:"options before the key"`
	Comment     Opt[string] `fact:"comment,identity" doc:"comment after the key"`
}

// ELF describes a program or library from its headers alone (System V ABI; Linux extensions).
type ELF struct {
	_         struct{}      `fact:"path,key=1"`
	Type      string        `fact:"type" doc:"executable, pie, library, relocatable, core"`
	Machine   string        `fact:"machine" doc:"architecture, as x86_64, aarch64, arm, mips, riscv, ppc64"`
	Bits      int64         `fact:"bits" doc:"32 or 64"`
	Dynamic   bool          `fact:"dynamic" doc:"has a dynamic section"`
	Interp    Opt[string]   `fact:"interpreter" doc:"program interpreter"`
	Needed    Opt[[]string] `fact:"needed" doc:"libraries, in order; empty where there are none"`
	SOName    Opt[string]   `fact:"soname" doc:"own library name"`
	NX        Opt[bool]     `fact:"nx" doc:"the stack is not executable (PT_GNU_STACK without PF_X); without that header what the architecture does, absent where that depends on the kernel"`
	PIE       Opt[bool]     `fact:"pie" doc:"position independent executable; absent for what is no executable"`
	RELRO     Opt[string]   `fact:"relro" doc:"none, partial, full"`
	Canary    Opt[bool]     `fact:"canary" doc:"refers to the stack protector; absent where symbols that could tell were stripped, and for Go and Rust, whose compilers have none, unless it does"`
	Fortify   Opt[bool]     `fact:"fortify" doc:"calls at least one checked variant (__memcpy_chk); absent where imports cannot be read, nothing that could be checked is called, or the C library has no such variants (musl)"`
	Unchecked Opt[[]string] `fact:"unchecked" doc:"imported functions that have a checked variant and are called without it, sorted"`
	RPath     Opt[string]   `fact:"rpath" doc:"DT_RPATH or DT_RUNPATH"`
	TextRel   Opt[bool]     `fact:"textrel" doc:"needs relocations in code (DT_TEXTREL)"`
	RWX       bool          `fact:"rwx" doc:"a loaded segment is both writable and executable"`
	CET       Opt[bool]     `fact:"cet" doc:"GNU property: indirect branch tracking and shadow stack (x86), BTI (aarch64)"`
	Stripped  Opt[bool]     `fact:"stripped" doc:"has no symbol table beside the dynamic one"`
	BuildID   Opt[string]   `fact:"build_id" doc:"GNU build id, hexadecimal"`
	Language  Opt[string]   `fact:"language" doc:"go, rust, where recognised by sections or notes; absent else"`
}

// SSHD is one server's configuration as sshd_config(5) would make it effective: first value wins, Include followed,
// Match blocks apart. Absent means that it is written nowhere and the default of the OpenSSH version is not known;
// where a default has held in every version since 7.0 it is recorded with Written not listing it.
type SSHD struct {
	_                    struct{}      `fact:"path,key=1"`
	Match                Opt[string]   `fact:"match,key=2" doc:"criteria of the Match block that these values hold in; absent for the global section"`
	Written              []string      `fact:"written" doc:"keywords that the files state, lower case, an old name as the one that replaced it, sorted"`
	Ports                []string      `fact:"ports" doc:"ports that the server listens on, in the files' order"`
	ListenAddresses      []string      `fact:"listen_addresses" doc:"addresses without their ports; empty means every interface"`
	PermitRootLogin      Opt[string]   `fact:"permit_root_login" doc:"yes, no, prohibit-password, forced-commands-only"`
	PasswordAuth         Opt[bool]     `fact:"password_authentication" doc:"passwords are accepted"`
	PermitEmptyPasswords Opt[bool]     `fact:"permit_empty_passwords" doc:"accounts with an empty password may log in"`
	PubkeyAuth           Opt[bool]     `fact:"pubkey_authentication" doc:"public keys are accepted"`
	HostbasedAuth        Opt[bool]     `fact:"hostbased_authentication" doc:"the client host's word is accepted"`
	KbdInteractive       Opt[bool]     `fact:"kbd_interactive_authentication" doc:"keyboard-interactive is accepted"`
	UsePAM               Opt[bool]     `fact:"use_pam" doc:"PAM decides"`
	MaxAuthTries         Opt[int64]    `fact:"max_auth_tries" doc:"attempts in a connection"`
	LoginGraceTime       Opt[int64]    `fact:"login_grace_time" doc:"seconds; 0 is no limit"`
	ClientAliveInterval  Opt[int64]    `fact:"client_alive_interval" doc:"seconds; 0 is off"`
	ClientAliveCountMax  Opt[int64]    `fact:"client_alive_count_max" doc:"unanswered probes before the end; 0 never ends it (since 8.2)"`
	ChannelTimeout       Opt[[]string] `fact:"channel_timeout" doc:"ChannelTimeout values; empty where channels never time out"`
	UnusedTimeout        Opt[int64]    `fact:"unused_connection_timeout" doc:"seconds; 0 is none"`
	X11Forwarding        Opt[bool]     `fact:"x11_forwarding" doc:"X11 may be forwarded"`
	TCPForwarding        Opt[string]   `fact:"allow_tcp_forwarding" doc:"yes, no, local, remote"`
	Protocol             Opt[string]   `fact:"protocol" doc:"Protocol as written (only old servers know it)"`
	Ciphers              Opt[[]string] `fact:"ciphers" doc:"as written; a leading +, - or ^ changes the default list and stays on the first element"`
	MACs                 Opt[[]string] `fact:"macs" doc:"as written, likewise"`
	Kex                  Opt[[]string] `fact:"kex_algorithms" doc:"as written, likewise"`
	HostKeyAlgorithms    Opt[[]string] `fact:"host_key_algorithms" doc:"as written, likewise"`
	HostKeys             []string      `fact:"host_keys" doc:"host key files that are named"`
	AllowUsers           Opt[[]string] `fact:"allow_users" doc:"patterns of the accounts that may log in; empty where accounts are not restricted so"`
	AllowGroups          Opt[[]string] `fact:"allow_groups" doc:"patterns of the groups that may log in; empty where groups are not restricted so"`
	Banner               Opt[string]   `fact:"banner" doc:"banner file, or none"`
	LogLevel             Opt[string]   `fact:"log_level" doc:"how much is logged"`
	StrictModes          Opt[bool]     `fact:"strict_modes" doc:"rights of a user's files are checked before they are trusted"`
}

// SSHDOption is one option as a line of sshd_config(5), or of a file that it includes, states it: the fact's path is that file.
type SSHDOption struct {
	Match     Opt[string] `fact:"match,key=1" doc:"criteria of the Match block that the line stands in; absent for the global section"`
	Keyword   string      `fact:"keyword,key=2" doc:"keyword in lower case, an old name as the one that replaced it"`
	Value     string      `fact:"value" doc:"what follows the keyword, as written; values of SetEnv are masked"`
	Values    []string    `fact:"values" doc:"its arguments without quotes; lists are split at commas"`
	Effective Opt[bool]   `fact:"effective" doc:"counts: of several lines of a keyword the first one does, of keywords that add up (Port, HostKey, AllowUsers ...) each; absent behind an Include that could not be read, and for keywords that only servers of the past heeded"`
}

// Package is one installed package.
type Package struct {
	Name         string      `fact:"name,key=1" doc:"package name"`
	Arch         Opt[string] `fact:"arch,key=2" doc:"architecture"`
	Manager      string      `fact:"manager" doc:"dpkg, opkg, rpm, apk"`
	Version      string      `fact:"version" doc:"version as the manager writes it"`
	Source       Opt[string] `fact:"source" doc:"source package, where it is named"`
	SourceVer    Opt[string] `fact:"source_version" doc:"version of the source package, where it differs"`
	Status       Opt[string] `fact:"status" doc:"installed, config-files, unpacked, half-installed ..."`
	Installed    bool        `fact:"installed" doc:"its files are in the system"`
	Essential    Opt[bool]   `fact:"essential" doc:"marked essential"`
	Section      Opt[string] `fact:"section" doc:"section of the archive"`
	Maintainer   Opt[string] `fact:"maintainer,identity" doc:"maintainer"`
	Homepage     Opt[string] `fact:"homepage,identity" doc:"homepage"`
	InstalledKiB Opt[int64]  `fact:"installed_size" doc:"KiB"`
}

// Service is a program that would be started as the system is configured. Which ports it opens is recorded only where
// the configuration says so (socket units, inetd, options and configurations that an observer understands).
type Service struct {
	Name          string        `fact:"name,key=1" doc:"name of the unit or entry"`
	Program       Opt[string]   `fact:"program,key=2" doc:"path of the program"`
	Protocol      Opt[string]   `fact:"protocol,key=3" doc:"tcp, udp, sctp, unix; absent where it is not known that it listens"`
	Port          Opt[int64]    `fact:"port,key=4" doc:"port"`
	Manager       string        `fact:"manager" doc:"systemd, inittab, inetd, xinetd, sysv, openrc, busybox"`
	AtBoot        Opt[bool]     `fact:"at_boot" doc:"is started, or listened for, when the system starts"`
	User          Opt[string]   `fact:"user" doc:"account that it runs as; absent where it cannot be told"`
	Command       Opt[string]   `fact:"command" doc:"command line as written, secrets masked, cut after 4096 bytes"`
	Address       Opt[string]   `fact:"address" doc:"address that it is bound to, as written"`
	Reach         Opt[string]   `fact:"reach" doc:"every, loopback, some, none (a local socket); absent where it is not known"`
	Role          Opt[string]   `fact:"role" doc:"what the program is known as: ssh, telnet, ftp, tftp, rsh, finger, http, snmp, ntp, dhcp, dns, syslog, getty, login ...; absent where it is not known"`
	Authenticated Opt[bool]     `fact:"authenticated" doc:"false where its command line or configuration gives access without authentication (a shell on a port or console)"`
	Hardening     Opt[[]string] `fact:"hardening" doc:"systemd settings that confine it, as written, sorted"`
}
