// Passkeys: sign in, make one, and sign a form. The server gives options as WebAuthn's JSON and takes the credential as its JSON.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0)).buffer;
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const withIDs = (list) => (list ?? []).map((c) => ({ ...c, id: bytes(c.id) }));

function decode(options) {
  const o = { ...options, challenge: bytes(options.challenge) };
  if (options.user) o.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) o.allowCredentials = withIDs(options.allowCredentials);
  if (options.excludeCredentials) o.excludeCredentials = withIDs(options.excludeCredentials);
  return o;
}

function encode(c) {
  const r = c.response;
  const response = { clientDataJSON: text(r.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (r[name]) response[name] = text(r[name]);
  }
  if (r.getTransports) response.transports = r.getTransports();
  return {
    id: c.id, rawId: text(c.rawId), type: c.type, response,
    authenticatorAttachment: c.authenticatorAttachment ?? undefined,
    clientExtensionResults: c.getClientExtensionResults(),
  };
}

async function post(url, body) {
  const headers = typeof body === 'string' ? { 'Content-Type': 'application/json' } : {};
  const answer = await fetch(url, { method: 'POST', body, headers: { Accept: 'application/json', ...headers } });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.detail ?? json.title ?? `the server answered ${answer.status}`);
  return json;
}

async function ask(act, options) {
  const publicKey = decode(options.publicKey ?? options);
  const credential = act === 'create' ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
  return encode(credential);
}

function say(place, error) {
  place.textContent = error.name === 'NotAllowedError' ? '✗ The passkey was not used.' : `✗ ${error.message}`;
  place.hidden = false;
}

if (window.PublicKeyCredential && navigator.credentials) {
  for (const box of document.querySelectorAll('[data-passkey]')) {
    box.hidden = false;
    const button = box.querySelector('button');
    const error = box.querySelector('.err');
    button.addEventListener('click', async () => {
      error.hidden = true;
      button.disabled = true;
      try {
        const login = document.getElementById('login')?.value ?? '';
        const options = await post(box.dataset.begin, JSON.stringify({ login, next: box.dataset.next }));
        const done = await post(box.dataset.finish, JSON.stringify(await ask(box.dataset.passkey, options)));
        const to = new URL(done.location ?? '/', location.origin);
        if (to.origin === location.origin) location.assign(to);
      } catch (e) {
        say(error, e);
      }
      button.disabled = false;
    });
  }

  // A form with data-sign gets a second button: the server is given the form, answers with what to sign, and the assertion goes along.
  for (const form of document.querySelectorAll('form[data-sign]')) {
    const plain = [...form.querySelectorAll('button[type="submit"]:not([formnovalidate])')].pop();
    if (!plain) continue;
    const button = document.createElement('button');
    const error = document.createElement('p');
    button.type = 'button';
    button.className = 'btn';
    button.textContent = `${plain.textContent}, signed with a passkey`;
    error.className = 'err';
    error.hidden = true;
    error.setAttribute('role', 'alert');
    plain.after(button);
    form.append(error);
    button.addEventListener('click', async () => {
      if (!form.reportValidity()) return;
      error.hidden = true;
      button.disabled = true;
      try {
        const options = await post(form.dataset.sign, new URLSearchParams(new FormData(form)));
        let field = form.querySelector('input[name="assertion"]');
        if (!field) {
          field = document.createElement('input');
          field.type = 'hidden';
          field.name = 'assertion';
          form.append(field);
        }
        field.value = JSON.stringify(await ask('get', options));
        form.requestSubmit(plain);
      } catch (e) {
        say(error, e);
      }
      button.disabled = false;
    });
  }
}
