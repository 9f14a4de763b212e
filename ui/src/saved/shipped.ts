/** Searches that come with the page, for what the server's own receivers write. */

import type { Key } from '../i18n';

export interface Shipped {
  title: Key;
  query: string;
  columns: string[];
}

export interface ShippedSet {
  title: Key;
  searches: Shipped[];
}

const AUDIT = '{service_name="kube-apiserver-audit"}';
const AUDIT_COLUMNS = ['user', 'resource', 'namespace', 'name', 'code', 'decision'];
const FLOW_COLUMNS = ['src_namespace', 'src_workload', 'dst_namespace', 'dst_workload', 'dst_port', 'verdict'];
const FALCO_COLUMNS = ['priority', 'rule', 'hostname'];

export const SHIPPED: ShippedSet[] = [
  {
    title: 'saved.audit',
    searches: [
      { title: 'saved.audit.denied', query: `${AUDIT} | decision="forbid"`, columns: AUDIT_COLUMNS },
      { title: 'saved.audit.changes', query: '{service_name="kube-apiserver-audit", verb=~"create|update|patch|delete|deletecollection"}', columns: AUDIT_COLUMNS },
      { title: 'saved.audit.secrets', query: `${AUDIT} | resource="secrets"`, columns: AUDIT_COLUMNS },
      { title: 'saved.audit.exec', query: `${AUDIT} | subresource=~"exec|attach|portforward"`, columns: AUDIT_COLUMNS },
      { title: 'saved.audit.users', query: `topk(20, sum by (user, verb) (count_over_time(${AUDIT} [1h])))`, columns: [] },
    ],
  },
  {
    title: 'saved.falco',
    searches: [
      { title: 'saved.falco.worst', query: '{service_name="falco", priority=~"Emergency|Alert|Critical|Error"}', columns: FALCO_COLUMNS },
      { title: 'saved.falco.priorities', query: 'sum by (priority) (count_over_time({service_name="falco"} [5m]))', columns: [] },
      { title: 'saved.falco.rules', query: 'topk(20, sum by (rule) (count_over_time({service_name="falco"} [1h])))', columns: [] },
    ],
  },
  {
    title: 'saved.flows',
    searches: [
      { title: 'saved.flows.denied', query: '{} | verdict="DROPPED"', columns: FLOW_COLUMNS },
      { title: 'saved.flows.pairs', query: 'topk(20, sum by (src_workload, dst_workload) (count_over_time({} | verdict="DROPPED" [1h])))', columns: [] },
      { title: 'saved.flows.out', query: '{} | verdict!="" | dst_namespace="" | src_namespace!=""', columns: ['src_namespace', 'src_workload', 'dst_name', 'dst_ip', 'dst_port', 'verdict'] },
    ],
  },
];
