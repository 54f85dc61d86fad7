// What every page may have: copying, the key for search and the list of keys. Nothing here is needed to use a page.

export function typing(event) {
  const t = event.target;
  return event.ctrlKey || event.metaKey || event.altKey || t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName);
}

function copyButton(element) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = 'Copied';
    } catch {
      const range = document.createRange();
      range.selectNodeContents(element);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  element.after(button);
}

if (navigator.clipboard) document.querySelectorAll('[data-copy]').forEach(copyButton);

const keys = document.getElementById('keys');
const hint = document.querySelector('.keyhint');
if (keys && hint) hint.hidden = false;

document.addEventListener('keydown', (event) => {
  if (typing(event)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const find = document.getElementById('find');
  if (event.key === '/' && find) {
    event.preventDefault();
    find.focus();
    find.select();
  } else if (event.key === '?' && keys) {
    event.preventDefault();
    keys.open ? keys.close() : keys.showModal();
  }
});

// A form is sent once, however often one presses; the server would see the same "once" anyway.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== 'post') return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'yes';
  setTimeout(() => { delete form.dataset.sent; }, 3000); // an answer may be a download, then the page stays
});
addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((f) => { delete f.dataset.sent; }));
