/** Rules: what fires, which rules fail, and what their last evaluations cost. */

import { useEffect, useState } from 'preact/hooks';
import { serverBase } from '../api/http';
import { conditionOf, fetchRules, type Alert, type Known, type Rule, type RuleGroup } from '../api/rules';
import { lengthText, number, stamp, t } from '../i18n';
import { visible } from '../parts/text';
import { search } from '../search/actions';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { runs } from '../state/place';
import { shortDuration } from '../time/range';
import { History } from './History';

const REFRESH_MS = 15_000;

/** For a shell: a group with an alert on errors. */
const firstGroup = (base: string) => `curl -s '${base}/loki/api/v1/rules/first' --data-binary @- <<'EOF'
name: errors
rules:
  - alert: ManyErrors
    expr: sum by (service_name) (count_over_time({service_name=~".+"} | detected_level="error" [5m])) > 100
    for: 2m
EOF`;

export function Rules() {
  const [known, setKnown] = useState<Known | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    const aborter = new AbortController();
    const load = () =>
      fetchRules(aborter.signal).then(
        (found) => {
          setKnown(found);
          setFailure(null);
        },
        (error: unknown) => {
          if (!aborter.signal.aborted) setFailure(failureOf(error));
        },
      );
    void load();
    const timer = setInterval(() => {
      if (!document.hidden) void load();
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
      aborter.abort();
    };
  }, [runs.value]);
  const firing = (known?.groups ?? []).flatMap((group) => group.rules.flatMap((rule) => (rule.alerts ?? []).filter((alert) => alert.state === 'firing').map((alert) => ({ rule, alert }))));
  return (
    <main class="home rules">
      <div class="home-head">
        <h1>{t('nav.rules')}</h1>
      </div>
      {failure && <Failed failure={failure} />}
      {!known && !failure && <Waiting />}
      {known?.groups.length === 0 && <NoRules hasRuler={known.hasRuler} />}
      {firing.length > 0 && <Firing list={firing} />}
      {known?.groups.map((group) => <Group key={`${group.file ?? ''}/${group.name}`} group={group} />)}
    </main>
  );
}

function NoRules({ hasRuler }: { hasRuler: boolean }) {
  return (
    <div class="state" role="status">
      <h2>{t(hasRuler ? 'rules.empty' : 'rules.none')}</h2>
      <p class="note">{t(hasRuler ? 'rules.empty.hint' : 'rules.none.hint')}</p>
      <pre class="hint-command">{hasRuler ? firstGroup(serverBase()) : serverBase()}</pre>
    </div>
  );
}

const named = (labels: Alert['labels']) => Object.entries(labels).filter(([name]) => name !== 'alertname').map(([name, value]) => `${name}=${value}`).join(' ');

function Firing({ list }: { list: { rule: Rule; alert: Alert }[] }) {
  return (
    <section aria-labelledby="firing">
      <h2 id="firing">{t('rules.firing')}</h2>
      <table class="services">
        <thead>
          <tr>
            <th scope="col">{t('rules.alert')}</th>
            <th scope="col">{t('rules.labels')}</th>
            <th scope="col" class="figure">{t('rules.value')}</th>
            <th scope="col">{t('rules.since')}</th>
          </tr>
        </thead>
        <tbody>
          {list.map(({ rule, alert }) => (
            <tr key={`${rule.name} ${named(alert.labels)}`} data-bad="true">
              <th scope="row">
                <button type="button" onClick={() => search(rule.query)}>
                  {visible(rule.name)}
                </button>
              </th>
              <td>
                {visible(named(alert.labels))} <small class="quiet-text">{visible(alert.annotations.summary ?? alert.annotations.description ?? '')}</small>
              </td>
              <td class="figure">{number(Number(alert.value))}</td>
              <td>{stamp(Date.parse(alert.activeAt)).slice(0, 19)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Group({ group }: { group: RuleGroup }) {
  return (
    <section>
      <h2>
        {visible(group.name)} {group.file && <small>{visible(group.file)}</small>} {group.interval !== undefined && <small>{t('rules.every', { length: lengthText(shortDuration(group.interval * 1000)) })}</small>}
      </h2>
      {(group.missed ?? 0) > 0 && <p class="note warning">{t('rules.missed', { count: group.missed ?? 0 })}</p>}
      <table class="services">
        <thead>
          <tr>
            <th scope="col">{t('rules.rule')}</th>
            <th scope="col">{t('delete.status')}</th>
            <th scope="col" class="wide">{t('query.label')}</th>
            <th scope="col" class="wide">{t('rules.history')}</th>
          </tr>
        </thead>
        <tbody>{group.rules.map((rule, i) => <RuleRow key={`${i} ${rule.name}`} rule={rule} />)}</tbody>
      </table>
    </section>
  );
}

function RuleRow({ rule }: { rule: Rule }) {
  const condition = conditionOf(rule);
  const isBad = condition === 'firing' || condition === 'failed';
  return (
    <tr data-bad={isBad}>
      <th scope="row">
        <button type="button" onClick={() => search(rule.query)}>
          {visible(rule.name)}
        </button>
      </th>
      <td>
        <span class="condition" data-condition={condition}>
          {t(`rules.is.${condition}`)}
        </span>
        {rule.lastError && <p class="trouble">{visible(rule.lastError)}</p>}
        {rule.neverMatched && <p class="note">{t('rules.never')}</p>}
      </td>
      <td class="wide">
        <code>{visible(rule.query)}</code>
      </td>
      <td class="wide">{rule.history && rule.history.length > 0 && <History list={rule.history} />}</td>
    </tr>
  );
}
