package product

// A Class is a class of network products; requirements may apply to some classes only.
type Class struct {
	ID   string // what a declaration names
	Name string // what it is, in words
	// Document is the document that has requirements for the class or names it: a 3GPP security assurance specification or
	// Regulation (EU) 2024/2847 (Cyber Resilience Act) Annex III; empty where a class is ours.
	Document string
}

const (
	craClass1 = "Regulation (EU) 2024/2847 Annex III class I"
	craClass2 = "Regulation (EU) 2024/2847 Annex III class II"
)

// Classes returns the closed list of classes: those of 3GPP by the number of their document, then the general ones by id.
// The caller owns the slice. Numbers of 3GPP documents as in their series 33.1xx to 33.5xx, Release 18.
func Classes() []Class {
	return []Class{
		{"network-product", "network product of any 3GPP class", "TS 33.117"},
		{"mme", "mobility management entity", "TS 33.116"},
		{"enb", "LTE base station (eNodeB)", "TS 33.216"},
		{"ims", "IP multimedia subsystem node", "TS 33.226"},
		{"pgw", "packet data network gateway", "TS 33.250"},
		{"nssaaf", "network slice authentication and authorisation function", "TS 33.326"},
		{"gnb", "5G base station (gNodeB)", "TS 33.511"},
		{"amf", "access and mobility management function", "TS 33.512"},
		{"upf", "user plane function", "TS 33.513"},
		{"udm", "unified data management", "TS 33.514"},
		{"smf", "session management function", "TS 33.515"},
		{"ausf", "authentication server function", "TS 33.516"},
		{"sepp", "security edge protection proxy", "TS 33.517"},
		{"nrf", "network repository function", "TS 33.518"},
		{"nef", "network exposure function", "TS 33.519"},
		{"n3iwf", "interworking function for non-3GPP access", "TS 33.520"},
		{"nwdaf", "network data analytics function", "TS 33.521"},
		{"scp", "service communication proxy", "TS 33.522"},
		{"split-gnb-cu", "central unit of a split 5G base station", "TS 33.523"},
		{"split-gnb-du", "distributed unit of a split 5G base station", "TS 33.523"},
		{"mnf", "management function", "TS 33.526"},
		{"virtualised", "virtualised network product", "TS 33.527"},
		{"pcf", "policy control function", "TS 33.528"},
		{"smsf", "short message service function", "TS 33.529"},
		{"aanf", "anchor function for application keys (AKMA)", "TS 33.537"},

		{"access-node", "access node of a fixed network, such as an optical line terminal", ""},
		{"boot-manager", "boot manager", craClass1},
		{"container-runtime", "container runtime system", craClass2},
		{"firewall", "firewall", craClass2},
		{"host", "general-purpose host or appliance", ""},
		{"hypervisor", "hypervisor", craClass2},
		{"identity-management", "identity and privileged access management", craClass1},
		{"intrusion-detection", "intrusion detection or prevention system", craClass2},
		{"management-system", "network management system", craClass1},
		{"modem", "modem for the connection to the internet", craClass1},
		{"network-interface", "physical or virtual network interface", craClass1},
		{"operating-system", "operating system", craClass1},
		{"pki", "public key infrastructure and certificate issuance", craClass1},
		{"router", "router", craClass1},
		{"siem", "security information and event management", craClass1},
		{"switch", "switch", craClass1},
		{"transport-node", "node of a transport network, optical or microwave", ""},
		{"vpn", "product with the function of a virtual private network", craClass1},
	}
}

// ClassByID returns the class of that id.
func ClassByID(id string) (Class, bool) {
	for _, c := range Classes() {
		if c.ID == id {
			return c, true
		}
	}
	return Class{}, false
}

// A KnownFunction is a function on which the applicability of requirements can depend.
type KnownFunction struct {
	ID  string // what a declaration names
	Doc string // when to declare it
}

// KnownFunctions returns the known functions by id. A declaration may name others; no scheme of ours asks for those.
// The caller owns the slice. Where a clause of TS 33.117 V18.1.0 depends on the function, it is named.
func KnownFunctions() []KnownFunction {
	return []KnownFunction{
		{"bluetooth", "has a Bluetooth interface"},
		{"cgi", "its web server runs programs for requests (4.3.4.5, 4.3.4.6)"},
		{"cli-management", "is managed by a command line over the network"},
		{"client-credentials-assertion", "uses client credentials assertions on the service-based interface (4.2.2.2.4.1)"},
		{"diameter", "speaks Diameter"},
		{"external-mounts", "can mount external file systems (4.3.3.1.6)"},
		{"file-upload", "its web server takes files from clients (4.3.4.6)"},
		{"gtp-c", "handles GTP-C packets (4.2.6.2.3)"},
		{"gtp-u", "handles GTP-U packets (4.2.6.2.4)"},
		{"ip-forwarding", "forwards IP packets between its interfaces (4.3.3.1.2)"},
		{"json-api", "parses JSON from others (4.3.6)"},
		{"local-console", "has a console for local login"},
		{"netconf", "is managed by NETCONF or RESTCONF"},
		{"personal-data", "shows or exports personal data in clear (4.2.3.2.5)"},
		{"pfcp", "speaks PFCP"},
		{"remote-logging", "sends its logs to another system (4.2.3.6.2)"},
		{"removable-media", "has ports for removable media (4.3.3.1.3)"},
		{"roaming", "serves network functions of other operators (4.2.2.2.3.2)"},
		{"sbi", "has a service-based interface (4.2.2.2)"},
		{"server-side-includes", "its web server runs server-side includes (4.3.4.7)"},
		{"snmp-management", "is managed by SNMP"},
		{"software-update", "installs software packages in operation (4.2.3.3.5)"},
		{"telemetry", "sends data about its use to the vendor"},
		{"web-management", "is managed by a web page (4.2.5)"},
		{"web-server", "has a web server (4.3.4)"},
		{"wifi", "has a Wi-Fi interface"},
	}
}
