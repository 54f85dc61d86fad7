// Resumable upload by tus 1.0 (https://tus.io): creation by POST, where it stands by HEAD, the rest by PATCH in parts. What is on its way is
// remembered in localStorage by name, size and date of the file, so that choosing the same file again goes on where it stopped.

const part = 8 << 20;
const waits = [1, 2, 4, 8, 16, 30]; // seconds between tries
const version = { 'Tus-Resumable': '1.0.0' };
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const form = document.querySelector('form[data-tus]');
const key = (file) => `probat-upload:${form.dataset.tus}:${file.name}:${file.size}:${file.lastModified}`;
const base64 = (words) => btoa(String.fromCharCode(...new TextEncoder().encode(words)));

class Refused extends Error {} // trying again won't help

async function checked(answer, ...good) {
  if (good.includes(answer.status)) return answer;
  const words = (await answer.text().catch(() => '')).slice(0, 300);
  const error = answer.status >= 500 || [409, 423, 429, 408].includes(answer.status) ? Error : Refused;
  throw new error(words || `the server answered ${answer.status}`);
}

async function create(file, signal) {
  const answer = await checked(await fetch(form.dataset.tus, {
    method: 'POST', signal,
    headers: { ...version, 'Upload-Length': String(file.size), 'Upload-Metadata': `filename ${base64(file.name)}` },
  }), 201);
  const url = new URL(answer.headers.get('Location'), new URL(form.dataset.tus, location.href));
  if (url.host !== location.host) throw new Refused('the server named an upload elsewhere');
  return url.pathname + url.search;
}

// offset is how many bytes the server has; null when it knows no such upload.
async function offset(url, signal) {
  const answer = await fetch(url, { method: 'HEAD', signal, headers: version });
  if ([403, 404, 410].includes(answer.status)) return null;
  await checked(answer, 200, 204);
  return Number(answer.headers.get('Upload-Offset'));
}

async function send(file, signal, progress) {
  let url = localStorage.getItem(key(file));
  let at = url ? await offset(url, signal) : null;
  if (at === null) {
    url = await create(file, signal);
    at = 0;
    localStorage.setItem(key(file), url);
  }
  progress(at);
  while (at < file.size) {
    const answer = await checked(await fetch(url, {
      method: 'PATCH', signal, body: file.slice(at, at + part),
      headers: { ...version, 'Upload-Offset': String(at), 'Content-Type': 'application/offset+octet-stream' },
    }), 204);
    at = Number(answer.headers.get('Upload-Offset'));
    progress(at);
  }
  return url;
}

async function sendPatiently(file, signal, progress, say) {
  for (let tries = 0, last = -1; ; tries++) {
    try {
      return await send(file, signal, (n) => {
        if (n > last) tries = 0; // it got further
        last = n;
        progress(n);
      });
    } catch (error) {
      if (signal.aborted || error instanceof Refused || tries >= waits.length) throw error;
      say(`stopped, tried again in ${waits[tries]} s`);
      await sleep(waits[tries]);
      say('');
    }
  }
}

const running = new Set();
const chosen = new Map();

function size(n) {
  return n < 1 << 20 ? `${Math.ceil(n / 1024)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`;
}

function add(box, file) {
  const item = document.createElement('li');
  const mark = document.createElement('span');
  const middle = document.createElement('span');
  const name = document.createElement('span');
  const bar = document.createElement('progress');
  const words = document.createElement('span');
  const stop = document.createElement('button');
  mark.textContent = '…';
  name.textContent = file.name;
  bar.max = Math.max(file.size, 1);
  bar.value = 0;
  bar.setAttribute('aria-label', `Upload of ${file.name}`);
  words.className = 's';
  words.setAttribute('role', 'status');
  stop.type = 'button';
  stop.className = 'plain';
  stop.textContent = 'Remove';
  middle.append(name, bar, words);
  item.append(mark, middle, stop);
  box.querySelector('[data-files]').append(item);

  const abort = new AbortController();
  chosen.set(item, file);
  stop.addEventListener('click', () => {
    abort.abort();
    chosen.delete(item);
    item.remove();
  });
  const progress = (n) => {
    bar.value = n;
    words.textContent = `${size(n)} of ${size(file.size)}`;
  };
  const work = (async () => {
    const most = Number(form.dataset.most);
    if (most && file.size > most) throw new Refused(`too large: at most ${size(most)}`);
    const url = await sendPatiently(file, abort.signal, progress, (w) => { words.textContent = w; });
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = box.dataset.upload;
    field.value = url;
    item.append(field);
    mark.textContent = '✓';
    bar.remove();
    words.textContent = `${size(file.size)}, complete`;
  })().catch((error) => {
    if (abort.signal.aborted) return;
    mark.textContent = '✗';
    words.className = 'err';
    words.textContent = error.message;
    throw error;
  });
  running.add(work);
  work.catch(() => {}).finally(() => running.delete(work));
  return work;
}

if (form) {
  const boxes = [...form.querySelectorAll('[data-upload]')];
  for (const box of boxes) {
    box.hidden = false;
    const input = box.querySelector('input[type="file"]');
    let line = Promise.resolve(); // one file after the other
    input.addEventListener('change', () => {
      if (!input.multiple) box.querySelectorAll('[data-files] button').forEach((b) => b.click());
      for (const file of input.files) line = line.then(() => add(box, file)).catch(() => {});
      input.value = '';
    });
  }

  const missing = () => boxes.find((b) => b.dataset.required !== undefined && !b.querySelector('[data-files] li'));
  let told = null;
  form.addEventListener('submit', async (event) => {
    const box = missing();
    if (box) {
      event.preventDefault();
      box.querySelector('input[type="file"]').focus();
      told ??= form.insertAdjacentElement('beforeend', Object.assign(document.createElement('p'), { className: 'err' }));
      told.setAttribute('role', 'alert');
      told.textContent = '✗ Choose a file first.';
      return;
    }
    if (running.size > 0) {
      event.preventDefault();
      const button = form.querySelector('button[type="submit"]');
      const words = button.textContent;
      button.disabled = true;
      button.textContent = 'Waits for the upload …';
      const ends = await Promise.allSettled([...running]);
      button.disabled = false;
      button.textContent = words;
      if (ends.every((e) => e.status === 'fulfilled')) form.requestSubmit(button);
      return;
    }
    for (const file of chosen.values()) localStorage.removeItem(key(file));
  });
}
