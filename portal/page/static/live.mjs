// Live progress of an evaluation: events of one stream change the elements marked data-live. All text is set as text.

const box = document.querySelector('[data-events]');
const at = (name) => document.querySelector(`[data-live="${name}"]`);
const kept = 500; // lines of log

function set(name, value) {
  const element = at(name);
  if (element && element.textContent !== value) element.textContent = value;
}

// Characters that cannot be seen are shown, as the server does it.
const shown = (s) => String(s).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) => {
  const n = c.codePointAt(0);
  return `⟨U+${n.toString(16).toUpperCase().padStart(4, '0')}⟩`;
});

function size(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let u = 0;
  while (n >= 1024 && u < units.length - 1) { n /= 1024; u++; }
  return u ? `${n.toFixed(1)} ${units[u]}` : `${n} B`;
}

function row(parts) {
  const li = document.createElement('li');
  for (const [tag, className, words] of parts) {
    const e = document.createElement(tag);
    e.className = className;
    e.textContent = shown(words);
    li.append(e);
  }
  return li;
}

const marks = { done: '✓', error: '✗', runs: '▸' };

function show(event) {
  if (event.state !== undefined) {
    set('state', shown(event.state));
    const state = at('state');
    if (state) state.className = `state st-${event.state}`;
  }
  if (event.phase !== undefined) set('note', shown(event.phase));
  if (event.files !== undefined) set('files', Number(event.files).toLocaleString('en'));
  if (event.bytes !== undefined) set('bytes', size(Number(event.bytes)));
  if (event.container !== undefined) set('container', shown(event.container));
  if (event.eta !== undefined) set('eta', shown(event.eta));
  if (event.phases) at('phases')?.replaceChildren(...event.phases.map((p) => row([['span', '', marks[p.state] ?? '…'], ['span', '', p.name], ['span', 'num', p.note ?? '']])));
  if (event.slowest) at('slowest')?.replaceChildren(...event.slowest.map((s, i) => row([['span', 'num', i + 1], ['code', '', s.name], ['span', 'num', s.took]])));
  if (event.log?.length) {
    const log = at('log');
    const end = log.scrollTop + log.clientHeight > log.scrollHeight - 30;
    const lines = log.textContent ? log.textContent.split('\n') : [];
    log.textContent = [...lines, ...event.log.map(shown)].slice(-kept).join('\n');
    if (end) log.scrollTop = log.scrollHeight;
  }
}

if (box) {
  const source = new EventSource(box.dataset.events);
  const receive = (message) => {
    let event;
    try { event = JSON.parse(message.data); } catch { return; }
    show(event);
    if (event.ended) {
      source.close();
      location.reload();
    }
  };
  source.addEventListener('message', receive);
  source.addEventListener('progress', receive);
  source.addEventListener('open', () => set('stream', 'live'));
  source.addEventListener('error', () => set('stream', 'the connection was lost and is tried again'));
  addEventListener('pagehide', () => source.close());
}
