// Keys of the work screen: j k move, e evidence, p f i judge. "/" and "?" are in app.mjs.
import { typing } from './app.mjs';

const screen = document.querySelector('[data-work]');
document.querySelector('.req.on')?.scrollIntoView({ block: 'nearest' });

function judge(verdict) {
  const form = document.querySelector('[id^="judge-"]');
  if (!form) return;
  if (form.tagName === 'DETAILS') form.open = true;
  const choice = form.querySelector(`input[name="verdict"][value="${verdict}"]`);
  if (!choice) return;
  choice.checked = true;
  form.scrollIntoView({ block: 'nearest' });
  (form.querySelector('textarea[name="reason"]') ?? choice).focus();
}

const acts = {
  j: () => { if (screen.dataset.next) location.assign(screen.dataset.next); },
  k: () => { if (screen.dataset.prev) location.assign(screen.dataset.prev); },
  e: () => {
    const evidence = document.getElementById('evidence');
    evidence?.scrollIntoView({ block: 'start' });
    evidence?.focus({ preventScroll: true });
  },
  p: () => judge('pass'),
  f: () => judge('fail'),
  i: () => judge('inconclusive'),
};

if (screen) {
  document.addEventListener('keydown', (event) => {
    if (typing(event) || event.shiftKey || document.querySelector('dialog[open]')) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
