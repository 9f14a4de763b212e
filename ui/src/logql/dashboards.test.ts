// The queries of docker/grafana's dashboards parse with the grammar of Grafana's own editor.
import { parser } from '@grafana/lezer-logql';
import { expect, test } from 'vitest';

interface Target {
  datasource: { type: string };
  expr: string;
}

interface Dashboard {
  templating: { list: { name: string; allValue?: string }[] };
  panels: { title: string; targets: Target[] }[];
}

const files = import.meta.glob<Dashboard>('../../../docker/grafana/dashboards/*.json', {
  eager: true,
  import: 'default',
});

/** What Grafana puts in place of its own variables and of a dashboard's. */
function substituted(query: string, dashboard: Dashboard): string {
  const own = query.replaceAll(/\$__(auto|interval|range)/g, '1m');
  return dashboard.templating.list.reduce(
    (text, { name, allValue }) => text.replaceAll(`$${name}`, allValue ?? ''),
    own,
  );
}

/** Where the grammar finds something else than it expects. */
function errors(query: string): number[] {
  const found: number[] = [];
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) found.push(node.from);
    },
  });
  return found;
}

test.each(Object.entries(files))('%s', (_, dashboard) => {
  const targets = dashboard.panels.flatMap((panel) => panel.targets);
  const queries = targets.filter((target) => target.datasource.type === 'loki');
  expect(queries.length).toBeGreaterThan(0);
  for (const { expr } of queries) {
    const query = substituted(expr, dashboard);
    expect(errors(query), query).toEqual([]);
  }
});

test('all dashboards are read, and a mistake is found', () => {
  expect(Object.keys(files).length).toBe(7);
  expect(errors('sum by (a) (rate({a="b"} [1m)')).not.toEqual([]);
});
