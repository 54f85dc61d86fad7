package credential

// readmes are the texts that README.txt may have, the newest last. Credentials keep the one that they were made with, so none is ever changed or taken away.
var readmes = []string{readme1}

// readme1 must not promise more than the commands in it show.
const readme1 = `A Probat credential: a lab's signed word on what it found in a product.
Check it offline, with the trust file from the lab:

  probat-verify THIS.probat.zip --file IMAGE --trust lab.trust

Nothing in here is a reason to believe it. trust/ has copies for other tools:
compare their keys with the lab's first. Other tools, after unzip:

  B=credential.sigstore.json
  sed 's/.*"payload":"\([^"]*\).*/\1/' $B | base64 -d >p
  sed 's/.*"sig":"\([^"]*\).*/\1/' $B | base64 -d >s
  (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c <p); cat p) |
    openssl dgst -sha256 -verify trust/lab.pub -signature s
  sha256sum IMAGE   # must stand under "subject" in the file p

  cosign verify-blob-attestation --bundle $B \
    --key trust/lab.pub --trusted-root trust/trusted_root.json \
    --type https://slsa.dev/verification_summary/v1 IMAGE

They do not see what only probat-verify checks: witnesses, revocation, expiry,
withdrawn keys. Valid means authentic; whether the product passed stands in p.
`
