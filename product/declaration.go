// Package product reads, checks, writes and drafts the declaration of a release: what the vendor says about it, in the
// manner of the conformance statements and extra information for testing (ICS, IXIT) of ETSI TS 103 701.
//
// A declaration is data. The package opens no file that a declaration names, compares nothing with a product, and decides
// nothing; it knows no other package of this module. Everything that observes, judges or reports may use it.
//
// Absent and empty differ everywhere. A nil list is "not declared", an empty one is "declared to be none"; a nil *bool or
// *int64 is "not told"; an empty string is always absent, since Parse refuses empty strings.
package product

// Kind is what is released. A release of a service or a process is a period and may have no artifact.
type Kind string

// The kinds of product.
const (
	KindEquipment Kind = "equipment" // hardware with its software
	KindSoftware  Kind = "software"  // delivered without the hardware that it runs on
	KindService   Kind = "service"   // run by the vendor for its customers
	KindProcess   Kind = "process"   // how the vendor develops, builds and maintains
)

// A Declaration is what the vendor says about one release.
//
// The rules in the field tags are those of Parse and of the JSON Schema alike; rule.go explains them. Comments of fields
// become the descriptions of the schema and of Fields.
type Declaration struct {
	// Vendor is who makes the product, as customers know it. No test of a scheme can read it.
	Vendor string `json:"vendor,omitzero" rule:"required,format=name,view=omit"`
	// Product is the name under which it is sold or run. No test of a scheme can read it.
	Product string `json:"product,omitzero" rule:"required,format=name,view=omit"`
	// Kind is what is released: equipment, software, a service or a process.
	Kind Kind `json:"kind,omitzero" rule:"required,enum=equipment software service process"`
	// Version names the release. Equipment and software need one. No test of a scheme can read it.
	Version string `json:"version,omitzero" rule:"format=name,view=omit"`
	// Period is the time that a release of a service or process covers: 2026, 2026-Q4, 2026-H2, 2026-11 or two dates, 2026-10-01/2026-12-31.
	Period string `json:"period,omitzero" rule:"format=period"`
	// Classes are the network product classes that the release belongs to; requirements may apply to some classes only.
	Classes []string `json:"classes,omitzero" rule:"enum=@class"`
	// Schemes are what the release should be judged by: ids of schemes, or paths below the declaration's folder.
	Schemes []string `json:"schemes,omitzero" rule:"format=below,view=omit"`
	// Artifacts are the files of the release.
	Artifacts []Artifact `json:"artifacts,omitzero"`
	// Services are all services that listen for connections or packets after installation with default settings.
	Services []Service `json:"services,omitzero"`
	// Accounts are all accounts that exist after installation, those without a login too.
	Accounts []Account `json:"accounts,omitzero"`
	// Roles are the roles that an account can have.
	Roles []Role `json:"roles,omitzero"`
	// Privileged are the programs by which someone can get more rights than his account has.
	Privileged []Privileged `json:"privileged,omitzero"`
	// Software is what is installed: packages and components, third-party ones too.
	Software []Software `json:"software,omitzero"`
	// Crypto are the profiles of protocols that protect data in transit.
	Crypto []Crypto `json:"crypto,omitzero"`
	// Functions are what the product can do, as far as requirements depend on it.
	Functions []Function `json:"functions,omitzero"`
	// Logs are the files and directories that hold logs.
	Logs []Log `json:"logs,omitzero"`
	// Web is how the web server is set up.
	Web *Web `json:"web,omitzero"`
	// Support is how long and how the vendor supports the release.
	Support *Support `json:"support,omitzero"`
	// Documents are what the vendor delivers to read, with the requirements that they answer.
	Documents []Document `json:"documents,omitzero"`
}

// An Artifact is a file of the release.
type Artifact struct {
	// ID is the first segment of every address in the artifact, so that a renamed file changes no address.
	ID string `json:"id,omitzero" rule:"required,format=id,view=omit"`
	// Path is where the file is, below the declaration's own folder, with forward slashes.
	Path string `json:"path,omitzero" rule:"required,format=below,view=omit"`
	// SHA256 is the file's digest, 64 lower-case hexadecimal digits; where given it is compared.
	SHA256 string `json:"sha256,omitzero" rule:"format=sha256,view=presence"`
	// Role is what the file is for.
	Role string `json:"role,omitzero" rule:"enum=image package source sbom document configuration"`
}

// A Service listens for connections or packets.
type Service struct {
	// Name is what the vendor calls the service.
	Name string `json:"name,omitzero" rule:"required"`
	// Program is the program that serves, by name or by its path in the product.
	Program string `json:"program,omitzero" rule:"format=program"`
	// Protocol is the transport protocol.
	Protocol string `json:"protocol,omitzero" rule:"required,enum=tcp udp sctp"`
	// Port is the port that it listens on.
	Port int64 `json:"port,omitzero" rule:"required,min=1,max=65535"`
	// Address is the address that it binds to; `*` is any address.
	Address string `json:"address,omitzero"`
	// Interface is the interface that it is meant for.
	Interface string `json:"interface,omitzero"`
	// Reach says from where it can be reached: from every interface, from some, or from the product itself only.
	Reach string `json:"reach,omitzero" rule:"enum=every some loopback"`
	// Plane is the kind of traffic that it belongs to.
	Plane string `json:"plane,omitzero" rule:"enum=management control user internal"`
	// Purpose is why the service is there.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
	// TransportSecurity is what protects the data in transit.
	TransportSecurity string `json:"transport_security,omitzero" rule:"enum=none tls mutual-tls dtls ssh ipsec snmpv3 other"`
	// Authenticated says whether a peer is authenticated before it can do anything.
	Authenticated *bool `json:"authenticated,omitzero"`
}

// An Account is someone who can act on the product.
type Account struct {
	// Name is the login name.
	Name string `json:"name,omitzero" rule:"required"`
	// Application is the program that keeps the account in a store of its own; absent for an account of the operating system.
	Application string `json:"application,omitzero" rule:"format=program"`
	// Purpose is why the account is there.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
	// Interactive says whether a person can log in with it.
	Interactive *bool `json:"interactive,omitzero"`
	// Remote says whether it can be used from another system.
	Remote *bool `json:"remote,omitzero"`
	// Privileged says whether it has system privileges.
	Privileged *bool `json:"privileged,omitzero"`
	// Predefined says whether it exists before anyone sets the product up.
	Predefined *bool `json:"predefined,omitzero"`
	// ForcedChange says whether its first password or key must be changed before it can be used.
	ForcedChange *bool `json:"forced_change,omitzero"`
	// Authentication is how the account proves who it is.
	Authentication []string `json:"authentication,omitzero" rule:"enum=password public-key certificate token one-time-code biometric"`
	// Roles are the roles that it has, by name.
	Roles []string `json:"roles,omitzero"`
}

// A Role is a set of things that an account may do.
type Role struct {
	// Name is what accounts refer to.
	Name string `json:"name,omitzero" rule:"required"`
	// Purpose is what the role is for.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
	// Operations are what the role permits, in the vendor's own words.
	Operations []string `json:"operations,omitzero" rule:"format=prose,view=presence"`
}

// A Privileged program can give more rights than its caller has.
type Privileged struct {
	// Path is where the program is in the product.
	Path string `json:"path,omitzero" rule:"required,format=path"`
	// Mechanism is how it gets the rights.
	Mechanism string `json:"mechanism,omitzero" rule:"required,enum=setuid setgid capability sudo polkit doas"`
	// Capabilities are the Linux capabilities that it gets, as in cap_net_raw.
	Capabilities []string `json:"capabilities,omitzero" rule:"format=capability"`
	// Authenticated says whether the caller must authenticate first.
	Authenticated *bool `json:"authenticated,omitzero"`
	// Reason is why the program needs the rights.
	Reason string `json:"reason,omitzero" rule:"format=prose,view=presence"`
}

// Software is an installed package or component.
type Software struct {
	// Name is the name of the package or component.
	Name string `json:"name,omitzero" rule:"required"`
	// Version is its version, as its package manager or its maker writes it.
	Version string `json:"version,omitzero"`
	// Purpose is why the release contains it.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
	// SupportedUntil is the last day on which someone the vendor names supports it.
	SupportedUntil string `json:"supported_until,omitzero" rule:"format=date"`
}

// Crypto is the profile of one protocol: what is offered and accepted. Algorithms are named as the protocol's registry names them.
type Crypto struct {
	// Protocol is what the profile is for.
	Protocol string `json:"protocol,omitzero" rule:"required,enum=ssh tls dtls ipsec snmp macsec wireguard srtp"`
	// Versions are the versions of the protocol, as in 1.3.
	Versions []string `json:"versions,omitzero"`
	// Kex are the key exchanges or groups.
	Kex []string `json:"kex,omitzero"`
	// Ciphers are the ciphers or cipher suites.
	Ciphers []string `json:"ciphers,omitzero"`
	// Macs are the message authentication codes.
	Macs []string `json:"macs,omitzero"`
	// HostKeys are the types of host key.
	HostKeys []string `json:"host_keys,omitzero"`
	// Signatures are the signature algorithms.
	Signatures []string `json:"signatures,omitzero"`
}

// A Function is something that the product can do.
type Function struct {
	// ID is one of the known functions, or an id of the vendor's own.
	ID string `json:"id,omitzero" rule:"required,format=id,known=@function"`
	// Enabled says whether it is on after installation with default settings.
	Enabled *bool `json:"enabled,omitzero"`
	// Purpose is what the function is for.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
}

// A Log is a file or directory that holds logs.
type Log struct {
	// Path is where it is in the product.
	Path string `json:"path,omitzero" rule:"required,format=path"`
	// Purpose is what is logged there.
	Purpose string `json:"purpose,omitzero" rule:"format=prose,view=presence"`
}

// Web is how the web server is set up.
type Web struct {
	// Programs are the web servers, by name or by path in the product.
	Programs []string `json:"programs,omitzero" rule:"format=program"`
	// User is the account that they run as.
	User string `json:"user,omitzero"`
	// Roots are the directories whose files are served.
	Roots []string `json:"roots,omitzero" rule:"format=path"`
	// CGIDirs are the directories whose programs are run for a request.
	CGIDirs []string `json:"cgi_dirs,omitzero" rule:"format=path"`
	// UploadDirs are the directories into which requests can write.
	UploadDirs []string `json:"upload_dirs,omitzero" rule:"format=path"`
	// ConfigFiles are the files that configure the web servers.
	ConfigFiles []string `json:"config_files,omitzero" rule:"format=path"`
	// AddOns are the modules and extensions that are switched on.
	AddOns []string `json:"add_ons,omitzero"`
	// Methods are the HTTP methods that are needed.
	Methods []string `json:"methods,omitzero"`
}

// Support is how long and how the vendor supports the release.
type Support struct {
	// Until is the last day of support.
	Until string `json:"until,omitzero" rule:"format=date"`
	// SecurityUpdates says whether security updates are provided until then.
	SecurityUpdates *bool `json:"security_updates,omitzero"`
	// Contact is where to report a vulnerability. A test sees only that there is one.
	Contact string `json:"contact,omitzero" rule:"view=presence"`
	// DisclosurePolicy is where the policy for coordinated disclosure stands. A test sees only that there is one.
	DisclosurePolicy string `json:"disclosure_policy,omitzero" rule:"view=presence"`
}

// A Document is something that the vendor delivers to read: a file beside the declaration, or an artifact.
type Document struct {
	// ID names the document.
	ID string `json:"id,omitzero" rule:"required,format=id,view=omit"`
	// Path is where the file is, below the declaration's own folder; either this or artifact.
	Path string `json:"path,omitzero" rule:"format=below,view=omit"`
	// Artifact is the id of the artifact that is the document; either this or path.
	Artifact string `json:"artifact,omitzero" rule:"format=id,view=omit"`
	// Title is its title.
	Title string `json:"title,omitzero" rule:"view=omit"`
	// Answers are the requirements that the document answers.
	Answers []Answer `json:"answers,omitzero"`
}

// An Answer says which requirement a document answers, and where in the document.
type Answer struct {
	// Scheme is the id of the scheme, without its edition.
	Scheme string `json:"scheme,omitzero" rule:"required"`
	// Requirement is the id of the requirement in the scheme.
	Requirement string `json:"requirement,omitzero" rule:"required"`
	// Passage is the section or the words that answer it.
	Passage string `json:"passage,omitzero" rule:"format=prose,view=presence"`
	// Page is the page, counted from 1.
	Page *int64 `json:"page,omitzero" rule:"min=1,max=1000000"`
}
