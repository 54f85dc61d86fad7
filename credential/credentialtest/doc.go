// Package credentialtest is a lab in memory: keys, a small log, witnesses, credentials. Only tests use it. Every key is made anew, and every statement can be bent before
// it is signed, so that a test can forge what a thief of any key could.
package credentialtest
