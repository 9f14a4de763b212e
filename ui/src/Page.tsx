/** All of the page: the view that the URL names below what is above every view. */

import { effect } from '@preact/signals';
import { render } from 'preact';
import { loadLanguage } from './i18n';
import { Home } from './home/Home';
import { KeySheet, listen } from './keys';
import { MapView } from './map/MapView';
import { Toast } from './parts/toast';
import { Rules } from './rules/Rules';
import { Saved } from './saved/Saved';
import { Search } from './search/Search';
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

/** Draws the page, and again in another language when one is chosen. */
export function show() {
  listen();
  render(<Page />, document.querySelector('#page') ?? document.body);
  effect(() => {
    void language.value;
    void loadLanguage();
  });
  effect(() => {
    const { view, query } = place.value;
    document.title = view === 'search' && query ? `${query.slice(0, 80)} · Skald` : 'Skald';
  });
}
