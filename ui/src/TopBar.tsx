/** Above every view: where one is, and settings. */

import type { Signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { identity } from './api/http';
import { t } from './i18n';
import { isSheetOpen } from './keys';
import { Icon } from './parts/Icon';
import { Menu } from './parts/Menu';
import { go, place, type View } from './state/place';
import { language, theme, zone } from './state/settings';

export function TopBar() {
  const { view } = place.value;
  return (
    <header class="top">
      <a class="offscreen skip" href="#lines">
        {t('nav.skip')}
      </a>
      <span class="brand" aria-hidden="true">
        <Mark /> Skald
      </span>
      <nav>
        <NavItem to="home" is={view} text={t('nav.home')} />
        <NavItem to="search" is={view} text={t('nav.search')} />
        <NavItem to="storage" is={view} text={t('nav.storage')} />
      </nav>
      <span class="space" />
      <Tenant />
      <button type="button" class="tool" data-name="keys" title={`${t('keys')} ?`} aria-label={t('keys')} onClick={() => (isSheetOpen.value = true)}>
        <Icon name="keys" />
      </button>
      <Menu label={t('menu.settings')} icon="settings">
        <Choose label={t('theme')} setting={theme} values={{ auto: t('theme.auto'), light: t('theme.light'), dark: t('theme.dark') }} />
        <Choose label={t('language')} setting={language} values={{ en: 'English', ko: '한국어' }} />
        <Choose label={t('zone')} setting={zone} values={{ local: t('zone.local'), utc: t('zone.utc') }} />
      </Menu>
    </header>
  );
}

/** Three lines of a log, the middle one found. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" class="mark">
      <path d="M4 6h10M4 18h12" />
      <path class="mark-found" d="M4 12h16" />
    </svg>
  );
}

function NavItem({ to, is, text }: { to: View; is: View; text: string }) {
  return (
    <button type="button" class="nav" aria-current={to === is ? 'page' : undefined} onClick={() => go({ view: to, ...(to === 'home' ? { query: '' } : {}) })}>
      {text}
    </button>
  );
}

function Choose<T extends string>({ label, setting, values }: { label: string; setting: Signal<T>; values: Record<T, string> }) {
  return (
    <label class="choose">
      <span>{label}</span>
      <select value={setting.value} onChange={(event) => (setting.value = event.currentTarget.value as T)}>
        {(Object.keys(values) as T[]).map((value) => (
          <option key={value} value={value}>
            {values[value]}
          </option>
        ))}
      </select>
    </label>
  );
}

function Tenant() {
  const [text, setText] = useState(place.value.tenant);
  return (
    <form
      class="tenant"
      onSubmit={(event) => {
        event.preventDefault();
        identity.tenant = text.trim();
        go({ tenant: text.trim() });
      }}
    >
      <label>
        <span class="offscreen">{t('tenant')}</span>
        <input type="text" spellcheck={false} autocomplete="off" placeholder={`${t('tenant')}: ${t('tenant.default')}`} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
    </form>
  );
}
