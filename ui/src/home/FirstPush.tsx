/** An empty server: the command that pushes a first line, and the line as it arrives. */

import { useEffect, useState } from 'preact/hooks';
import { fetchPage, spanNs, type Entry } from '../api/entries';
import { identity, serverBase } from '../api/http';
import { clock, t } from '../i18n';
import { copy } from '../parts/clipboard';
import { Icon } from '../parts/Icon';
import { visible } from '../parts/text';
import { search } from '../search/actions';

const LOOK_MS = 1000;

/** For sh on any system that has curl and date; nanoseconds are zeros, as not every date knows them. */
export function pushCommand(base: string, tenant: string): string {
  const header = tenant ? ` -H 'X-Scope-OrgID: ${tenant}'` : '';
  return `curl -s '${base}/loki/api/v1/push'${header} -H 'Content-Type: application/json' --data-raw \\
  '{"streams":[{"stream":{"service_name":"hello"},"values":[["'$(date +%s)'000000000","level=info msg=\\"hello from '$(hostname)'\\""]]}]}'`;
}

export function FirstPush({ arrived }: { arrived: () => void }) {
  const [first, setFirst] = useState<Entry | null>(null);
  const command = pushCommand(serverBase(), identity.tenant);
  useEffect(() => {
    if (first) return;
    const aborter = new AbortController();
    const look = async () => {
      const now = Date.now();
      const found = await fetchPage({ query: '{}', ...spanNs({ start: now - 86_400_000, end: now + 60_000 }), limit: 1, forward: false }, aborter.signal).catch(() => null);
      if (found?.entries[0]) setFirst(found.entries[0]);
    };
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      clearInterval(timer);
      aborter.abort();
    };
  }, [first]);
  return (
    <section class="first" aria-labelledby="first-title">
      <h1 id="first-title">{t('home.empty')}</h1>
      <p>{t('home.empty.hint')}</p>
      <div class="command">
        <pre>{command}</pre>
        <button type="button" class="tool" onClick={() => void copy(command)}>
          <Icon name="copy" />
          <span>{t('home.copy')}</span>
        </button>
      </div>
      <div role="status" class="first-line">
        {first ? (
          <>
            <p>{t('home.arrived')}</p>
            <pre>
              {clock(first.ms)} {visible(first.line.slice(0, 500))}
            </pre>
            <button
              type="button"
              class="primary"
              onClick={() => {
                arrived();
                search('', { from: 'now-15m', to: 'now' });
              }}
            >
              {t('home.open')}
            </button>
          </>
        ) : (
          <p class="waiting">{t('home.waiting')}</p>
        )}
      </div>
    </section>
  );
}
