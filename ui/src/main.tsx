/** The page begins here: language, identity, then the view that the URL names. */

import { effect } from '@preact/signals';
import { render } from 'preact';
import { loadLanguage } from './i18n';
import { Home } from './home/Home';
import { KeySheet, listen } from './keys';
import { MapView } from './map/MapView';
import { Toast } from './parts/toast';
import { Rules } from './rules/Rules';
import { Saved } from './saved/Saved';
import { recallToken } from './api/session';
import { adoptTenant } from './search/States';
import { beginSearch, Search } from './search/Search';
import { place } from './state/place';
import { language } from './state/settings';
import { Sources } from './sources/Sources';
import { Storage } from './storage/Storage';
import { TopBar } from './TopBar';
import './styles/base.css';
import './styles/controls.css';
import './styles/search.css';
import './styles/lines.css';
import './styles/home.css';
import './styles/views.css';

function Shown() {
  switch (place.value.view) {
    case 'home': return <Home />;
    case 'search': return <Search />;
    case 'map': return <MapView />;
    case 'sources': return <Sources />;
    case 'storage': return <Storage />;
    case 'saved': return <Saved />;
    case 'rules': return <Rules />;
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
