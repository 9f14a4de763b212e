/** The page begins here: language, identity, then the view that the URL names. */

import { effect } from '@preact/signals';
import { render } from 'preact';
import { loadLanguage } from './i18n';
import { Home } from './home/Home';
import { KeySheet, listen } from './keys';
import { Toast } from './parts/toast';
import { adoptTenant, recallToken } from './search/States';
import { beginSearch, Search } from './search/Search';
import { place } from './state/place';
import { language } from './state/settings';
import { Storage } from './storage/Storage';
import { TopBar } from './TopBar';
import './styles/base.css';
import './styles/controls.css';
import './styles/search.css';
import './styles/lines.css';
import './styles/home.css';

function Shown() {
  switch (place.value.view) {
    case 'home': return <Home />;
    case 'search': return <Search />;
    case 'storage': return <Storage />;
  }
}

function Page() {
  return (
    <>
      <TopBar />
      <Shown />
      <KeySheet />
      <Toast />
    </>
  );
}

recallToken();
adoptTenant();
if (place.value.view === 'search') beginSearch();
listen();
let isFirst = true;
effect(() => {
  void language.value;
  void loadLanguage().then(() => {
    if (isFirst) render(<Page />, document.querySelector('#page') ?? document.body);
    isFirst = false;
  });
});
effect(() => {
  const { view, query } = place.value;
  document.title = view === 'search' && query ? `${query.slice(0, 80)} · Skald` : 'Skald';
});
