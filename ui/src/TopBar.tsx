/** Above every view: where one is, and settings. */

import { signal, type Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { identity } from './api/http';
import { endSession, fetchTenants, type Tenants } from './api/session';
import { t } from './i18n';
import { isSheetOpen } from './keys';
import { Icon } from './parts/Icon';
import { Menu } from './parts/Menu';
import { go, place, runs, VIEWS, type View } from './state/place';
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
        {VIEWS.map((to) => <NavItem key={to} to={to} is={view} text={t(`nav.${to}`)} />)}
      </nav>
      <span class="space" />
      <Tenant />
      <button type="button" class="tool" data-name="keys" title={`${t('keys')} ?`} aria-label={t('keys')} onClick={() => (isSheetOpen.value = true)}>
        <Icon name="keys" />
      </button>
      <Menu label={t('menu.settings')} icon="settings">
        <Choose label={t('theme')} setting={theme} values={{ auto: t('theme.auto'), light: t('theme.light'), dark: t('theme.dark') }} />
        <Choose label={t('language')} setting={language} values={{ en: 'English', ko: '한국어' }} />
        {known.value?.token && (
          <button type="button" class="quiet" onClick={() => void endSession().then(() => runs.value++)}>
            {t('session.out')}
          </button>
        )}
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
  const button = useRef<HTMLButtonElement>(null);
  // On a phone the views are scrolled sideways.
  useLayoutEffect(() => {
    if (to === is) button.current?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, [is]);
  return (
    <button ref={button} type="button" class="nav" aria-current={to === is ? 'page' : undefined} onClick={() => go({ view: to, ...(to === 'home' ? { query: '' } : {}) })}>
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

/** What the server says of tenants; null until it does. */
const known = signal<Tenants | null>(null);

/** The tenant is typed, or taken from those the token may see; a server without tenants shows none. */
function Tenant() {
  const [text, setText] = useState(place.value.tenant);
  useEffect(() => {
    fetchTenants().then((found) => (known.value = found), () => undefined);
  }, [place.value.tenant, runs.value === 0]);
  if (known.value && !known.value.auth_enabled && !place.value.tenant) return null;
  const names = known.value?.tenants ?? [];
  const choose = (name: string) => {
    identity.tenant = name;
    go({ tenant: name });
  };
  return (
    <form
      class="tenant"
      onSubmit={(event) => {
        event.preventDefault();
        choose(text.trim());
      }}
    >
      <label>
        <span class="offscreen">{t('tenant')}</span>
        <input
          type="text"
          list="tenants"
          spellcheck={false}
          autocomplete="off"
          placeholder={`${t('tenant')}: ${t('tenant.default')}`}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onChange={(event) => {
            // One that was picked from the list needs no Enter.
            if (names.includes(event.currentTarget.value)) choose(event.currentTarget.value);
          }}
        />
      </label>
      <datalist id="tenants">{names.map((name) => <option key={name}>{name}</option>)}</datalist>
    </form>
  );
}
