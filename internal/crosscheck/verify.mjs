// Verifies Sigstore bundles with @sigstore/verify: many in one process, since starting node takes longer than verifying.
//
// Standard input: JSON, a list of {bundle, trustedRoot, publicKey}: the text of three files, of which the key is PEM.
// Standard output: JSON, for each in order {ok: true} or {ok: false, error: "..."}.

import { createPublicKey } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';

function verify({ bundle, trustedRoot, publicKey }) {
  // The bundle's hint names a key and proves nothing: whoever verifies has one key, and uses that.
  const pinned = () => ({ publicKey: createPublicKey(publicKey), validFor: () => true });
  const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(trustedRoot)), pinned);
  // One log entry; no certificates, so no certificate transparency; no timestamps: the witnesses' are in the checkpoint, which this verifier does not look for.
  const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle))));
}

const results = JSON.parse(await text(process.stdin)).map((input) => {
  try {
    verify(input);
    return { ok: true };
  } catch (error) {
    return { ok: false, error: `${error.code ?? error.name}: ${error.message}` };
  }
});
process.stdout.write(JSON.stringify(results));
