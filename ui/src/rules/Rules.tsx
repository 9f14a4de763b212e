/** Rules: what the server evaluates by itself; without a ruler, that there is none and what to use. */

import { useEffect, useState } from 'preact/hooks';
import { getJson, serverBase } from '../api/http';
import { t } from '../i18n';
import { visible } from '../parts/text';
import { search } from '../search/actions';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { runs } from '../state/place';

interface Rule {
  name: string;
  query: string;
  state?: string;
  health?: string;
  type: string;
}

interface Group {
  name: string;
  file?: string;
  rules: Rule[];
}

export function Rules() {
  const [groups, setGroups] = useState<Group[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    const aborter = new AbortController();
    getJson<{ data: { groups: Group[] } }>('prometheus/api/v1/rules', {}, aborter.signal).then(
      ({ body }) => {
        setGroups(body.data.groups ?? []);
        setFailure(null);
      },
      (error: unknown) => {
        if (!aborter.signal.aborted) setFailure(failureOf(error));
      },
    );
    return () => aborter.abort();
  }, [runs.value]);
  return (
    <main class="home rules">
      <div class="home-head">
        <h1>{t('nav.rules')}</h1>
      </div>
      {failure && <Failed failure={failure} />}
      {!groups && !failure && <Waiting />}
      {groups?.length === 0 && (
        <div class="state" role="status">
          <h2>{t('rules.none')}</h2>
          <p class="note">{t('rules.none.hint')}</p>
          <pre class="hint-command">{serverBase()}</pre>
        </div>
      )}
      {groups?.map((group) => (
        <section key={`${group.file ?? ''}${group.name}`}>
          <h2>{visible(group.name)}</h2>
          <table class="services">
            <tbody>
              {group.rules.map((rule) => (
                <tr key={rule.name} data-bad={rule.state === 'firing'}>
                  <th scope="row">
                    <button type="button" onClick={() => search(rule.query)}>
                      {visible(rule.name)}
                    </button>
                  </th>
                  <td>{rule.state ?? rule.health ?? ''}</td>
                  <td class="wide"><code>{visible(rule.query)}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </main>
  );
}
