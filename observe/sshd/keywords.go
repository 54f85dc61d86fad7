package sshd

// spec is what is known of a keyword.
type spec struct {
	arity int  // arguments that it takes at most; 0 is any number
	match bool // may stand in a Match block
	adds  bool // each line adds to the ones before; else the first one holds
	list  bool // its arguments are lists with commas
	old   bool // taken without effect by servers of today; older ones may have heeded it
}

// oldNames maps names that OpenSSH still takes to those that replaced them (servconf.c's table of keywords).
var oldNames = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication",
	"skeyauthentication":              "kbdinteractiveauthentication",
	"hostbasedacceptedkeytypes":       "hostbasedacceptedalgorithms",
	"pubkeyacceptedkeytypes":          "pubkeyacceptedalgorithms",
	"dsaauthentication":               "pubkeyauthentication",
	"hostdsakey":                      "hostkey",
	"keepalive":                       "tcpkeepalive",
	"gssapicleanupcreds":              "gssapicleanupcredentials",
}

// keywords are those of OpenSSH 7.0 to 10.0, with the ones of its GSSAPI patch and of Debian's and Red Hat's.
var keywords = func() map[string]spec {
	m := map[string]spec{}
	put := func(s spec, names ...string) {
		for _, n := range names {
			m[n] = s
		}
	}
	put(spec{arity: 1, match: true},
		"allowagentforwarding", "allowstreamlocalforwarding", "allowtcpforwarding", "authorizedkeyscommanduser",
		"authorizedprincipalscommanduser", "authorizedprincipalsfile", "banner", "chrootdirectory", "clientalivecountmax",
		"clientaliveinterval", "disableforwarding", "exposeauthinfo", "gatewayports", "gssapiauthentication",
		"hostbasedauthentication", "hostbasedusesnamefrompacketonly", "ignorerhosts", "kbdinteractiveauthentication",
		"kerberosauthentication", "maxauthtries", "maxsessions", "passwordauthentication", "permitemptypasswords",
		"permitrootlogin", "permittty", "permittunnel", "permituserrc", "pubkeyauthentication", "refuseconnection", "revokedkeys",
		"streamlocalbindmask", "streamlocalbindunlink", "trustedusercakeys", "unusedconnectiontimeout", "x11displayoffset",
		"x11forwarding", "x11uselocalhost", "loglevel")
	put(spec{match: true},
		"authenticationmethods", "authorizedkeyscommand", "authorizedkeysfile", "authorizedprincipalscommand", "channeltimeout",
		"forcecommand", "ipqos", "permitlisten", "permitopen", "pubkeyauthoptions", "rekeylimit", "include", "subsystem")
	put(spec{match: true, adds: true}, "acceptenv", "allowusers", "allowgroups", "denyusers", "denygroups", "setenv")
	put(spec{arity: 1, match: true, list: true}, "hostbasedacceptedalgorithms", "pubkeyacceptedalgorithms", "casignaturealgorithms")
	put(spec{arity: 1, list: true}, "ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "gssapikexalgorithms")
	put(spec{arity: 1, adds: true}, "hostkey", "hostcertificate", "port")
	put(spec{arity: 3, adds: true}, "listenaddress")
	put(spec{arity: 1},
		"addressfamily", "compression", "debianbanner", "fingerprinthash", "gssapicleanupcredentials", "gssapikeyexchange",
		"gssapistorecredentialsonrekey", "gssapistrictacceptorcheck", "gssapienablek5users", "hostkeyagent", "ignoreuserknownhosts",
		"kerberosgetafstoken", "kerberosorlocalpasswd", "kerberosticketcleanup", "kerberosuniqueccache", "logingracetime", "maxstartups",
		"modulifile", "permituserenvironment", "persourcemaxstartups", "persourcenetblocksize", "persourcepenaltyexemptlist",
		"pidfile", "printlastlog", "printmotd", "requiredrsasize", "securitykeyprovider", "sshdauthpath", "sshdsessionpath", "strictmodes",
		"syslogfacility", "tcpkeepalive", "usedns", "usepam", "xauthlocation")
	put(spec{}, "match", "logverbose", "persourcepenalties", "versionaddendum")
	put(spec{match: true, old: true},
		"afstokenpassing", "authorizedkeysfile2", "checkmail", "gssapiusesessioncredcache", "kerberostgtpassing", "keyregenerationinterval",
		"lockoutaction", "pamauthenticationviakbdint", "protocol", "reversemappingcheck", "rhostsauthentication", "rhostsrsaauthentication",
		"rsaauthentication", "serverkeybits", "uselogin", "useprivilegeseparation", "verifyreversemapping")
	return m
}()
