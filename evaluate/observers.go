package evaluate

import (
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/account"
	"github.com/probat-lab/probat/observe/dpkg"
	"github.com/probat-lab/probat/observe/elf"
	"github.com/probat-lab/probat/observe/file"
	"github.com/probat-lab/probat/observe/osrelease"
	"github.com/probat-lab/probat/observe/service"
	"github.com/probat-lab/probat/observe/sshd"
)

// Observers returns all observers, in the order in which a dossier names them.
func Observers() []observe.Observer {
	return []observe.Observer{
		account.Observer(), dpkg.Observer(), elf.Observer(), file.Observer(), osrelease.Observer(), service.Observer(), sshd.Observer(),
	}
}
