/** The page begins here: it asks for the lines of a link at once, while the rest of it is still on its way. */

import { recallToken } from './api/session';
import { loadLanguage } from './i18n';
import { identity } from './api/http';
import { beginSearch } from './search/store';
import { place } from './state/place';

recallToken();
identity.tenant = place.value.tenant;
if (place.value.view === 'search') beginSearch();
void Promise.all([import('./Page'), loadLanguage(), styled()]).then(([{ show }]) => show(), (error: unknown) => {
  // There are no words yet but these.
  document.body.textContent = `The page could not be loaded: ${String(error)}. Reload it.`;
});

/** Waits for the document and its style, which this script does not wait for. */
async function styled() {
  if (document.readyState === 'loading') await new Promise((done) => document.addEventListener('readystatechange', done, { once: true }));
  const link = document.querySelector<HTMLLinkElement>('link[rel=stylesheet]');
  if (link && !link.sheet) await new Promise((done) => ['load', 'error'].forEach((event) => link.addEventListener(event, done)));
}
