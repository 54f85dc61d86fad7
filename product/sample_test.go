package product

// fullDeclaration is what testdata/full.yaml says.
func fullDeclaration() *Declaration {
	return &Declaration{
		Vendor: "Example Networks", Product: "Edge 10", Kind: KindEquipment, Version: "1.10",
		Classes: []string{"network-product", "router"},
		Schemes: []string{"ts-33.117", "schemes/own.yaml"},
		Artifacts: []Artifact{
			{ID: "router", Path: "images/edge-1.10.tar.gz", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Role: "image"},
			{ID: "guide", Path: "guide.pdf"},
		},
		Services: []Service{{
			Name: "ssh", Program: "/usr/sbin/sshd", Protocol: "tcp", Port: 22, Address: "*", Interface: "mgmt0", Reach: "some",
			Plane: "management", Purpose: "command line for operators", TransportSecurity: "ssh", Authenticated: ptr(true),
		}},
		Accounts: []Account{{
			Name: "admin", Application: "webd", Purpose: "first set-up", Interactive: ptr(true), Remote: ptr(true), Privileged: ptr(true),
			Predefined: ptr(true), ForcedChange: ptr(false), Authentication: []string{"password", "public-key"}, Roles: []string{"operator"},
		}},
		Roles: []Role{{Name: "operator", Purpose: "runs the network", Operations: []string{"read and change the configuration"}}},
		Privileged: []Privileged{{
			Path: "/bin/ping", Mechanism: "capability", Capabilities: []string{"cap_net_raw"}, Authenticated: ptr(false), Reason: "sends ICMP",
		}},
		Software: []Software{{Name: "openssh-server", Version: "1:9.2p1-2", Purpose: "management", SupportedUntil: "2028-06-30"}},
		Crypto: []Crypto{{
			Protocol: "ssh", Versions: []string{"2.0"}, Kex: []string{"curve25519-sha256"}, Ciphers: []string{"aes256-gcm@openssh.com"},
			Macs: []string{}, HostKeys: []string{"ssh-ed25519"}, Signatures: []string{"ssh-ed25519"},
		}},
		Functions: []Function{{ID: "web-management", Enabled: ptr(true), Purpose: "set-up\nand status\n"}},
		Logs:      []Log{{Path: "/var/log", Purpose: "all logs"}},
		Web: &Web{
			Programs: []string{"webd"}, User: "www", Roots: []string{"/srv/www"}, CGIDirs: []string{}, UploadDirs: []string{"/srv/up"},
			ConfigFiles: []string{"/etc/webd.conf"}, AddOns: []string{"auth"}, Methods: []string{"GET", "POST"},
		},
		Support: &Support{Until: "2031-12-31", SecurityUpdates: ptr(true), Contact: "psirt@example.net", DisclosurePolicy: "https://example.net/security"},
		Documents: []Document{
			{
				ID: "guide", Artifact: "guide", Title: "Operator's guide",
				Answers: []Answer{{Scheme: "ts-33.117", Requirement: "4.2.3.4.3.1", Passage: "Section 4: passwords", Page: ptr(int64(17))}},
			},
			{ID: "overload", Path: "overload.pdf", Answers: []Answer{}},
		},
	}
}
