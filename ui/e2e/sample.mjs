// Sample logs of a small shop, the same for the same end and seed: JSON, logfmt, plain and hostile lines.

const SERVICES = [
  { name: 'checkout', namespace: 'shop', pods: 3, weight: 5, line: json },
  { name: 'payments', namespace: 'shop', pods: 2, weight: 3, line: logfmt },
  { name: 'nginx', namespace: 'edge', pods: 2, weight: 8, line: access },
  { name: 'inventory', namespace: 'shop', pods: 1, weight: 2, line: java },
  { name: 'auth', namespace: 'platform', pods: 1, weight: 2, line: korean },
];

/** A generator of numbers in [0, 1) from a seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = (r, list) => list[Math.floor(r() * list.length)];
const hex = (r, n) => Array.from({ length: n }, () => Math.floor(r() * 16).toString(16)).join('');

/** Errors are rare but for a few minutes in which the payment gateway is gone. */
function level(r, bad) {
  const x = r();
  if (bad ? x < 0.35 : x < 0.01) return 'error';
  if (bad ? x < 0.55 : x < 0.06) return 'warn';
  return x < 0.85 ? 'info' : 'debug';
}

function json(r, bad) {
  const lvl = level(r, bad);
  const user = `user-${Math.floor(r() * 40)}`;
  const order = 10000 + Math.floor(r() * 5000);
  const base = { level: lvl, user, order, trace_id: hex(r, 32) };
  if (lvl === 'error')
    return JSON.stringify({ ...base, msg: 'charge failed', status: 502, upstream: 'payments', error: { kind: 'timeout', after_ms: 3000 } });
  if (lvl === 'warn') return JSON.stringify({ ...base, msg: 'retrying charge', attempt: 1 + Math.floor(r() * 3), status: 429 });
  if (lvl === 'debug') return JSON.stringify({ ...base, msg: 'cart loaded', items: Math.floor(r() * 12) });
  return JSON.stringify({ ...base, msg: 'order placed', total: Math.floor(r() * 90000) / 100, status: 200, took_ms: Math.floor(r() * 300) });
}

function logfmt(r, bad) {
  const lvl = level(r, bad);
  const head = `level=${lvl} caller=gateway.go:${100 + Math.floor(r() * 80)} trace_id=${hex(r, 32)}`;
  if (lvl === 'error') return `${head} msg="gateway did not answer" gateway=${pick(r, ['alpha', 'beta'])} err="dial tcp 10.2.0.${Math.floor(r() * 20)}:443: i/o timeout"`;
  if (lvl === 'warn') return `${head} msg="gateway is slow" gateway=alpha duration=${(1 + r() * 3).toFixed(2)}s`;
  return `${head} msg="charge accepted" amount=${(r() * 200).toFixed(2)} currency=${pick(r, ['EUR', 'KRW', 'USD'])} duration=${Math.floor(r() * 400)}ms`;
}

function access(r, bad) {
  const status = bad && r() < 0.3 ? 502 : pick(r, [200, 200, 200, 200, 200, 201, 204, 301, 304, 404]);
  const path = pick(r, ['/', '/cart', '/api/orders', '/api/pay', '/healthz', '/static/app.js']);
  return `10.1.${Math.floor(r() * 4)}.${Math.floor(r() * 250)} - - "${pick(r, ['GET', 'GET', 'POST'])} ${path} HTTP/1.1" ${status} ${Math.floor(r() * 60000)} "-" "Mozilla/5.0" ${(r() * 2).toFixed(3)}`;
}

function java(r, bad) {
  const lvl = level(r, bad);
  if (lvl === 'error')
    return 'ERROR [pool-2-thread-7] StockService - could not reserve item\njava.util.concurrent.TimeoutException: no answer from db-1 within 2000 ms\n'
      + Array.from({ length: 9 }, (_, i) => `\tat shop.inventory.Stock${i}.reserve(Stock${i}.java:${40 + i})`).join('\n');
  return `${lvl.toUpperCase()} [pool-2-thread-${Math.floor(r() * 9)}] StockService - reserved item=${Math.floor(r() * 900)} left=${Math.floor(r() * 50)}`;
}

function korean(r, bad) {
  const lvl = level(r, bad);
  const who = pick(r, ['김민준', '이서연', '박도윤', '최지우']);
  if (lvl === 'error') return `level=error msg="로그인 실패" user=${who} reason="토큰이 만료되었습니다"`;
  return `level=${lvl} msg="로그인 성공" user=${who} session=${hex(r, 12)}`;
}

/** Streams in the push format: `count` entries over `spanMs` before `endMs`, with an outage near the end. */
export function shop({ endMs, spanMs, count, seed = 7 }) {
  const r = random(seed);
  const streams = new Map();
  const total = SERVICES.reduce((sum, s) => sum + s.weight, 0);
  for (let i = 0; i < count; i++) {
    const at = endMs - spanMs + (spanMs * (i + r())) / count;
    const fromEnd = (endMs - at) / spanMs;
    const bad = fromEnd > 0.2 && fromEnd < 0.3;
    let x = r() * total;
    const service = SERVICES.find((s) => (x -= s.weight) < 0) ?? SERVICES[0];
    const pod = `${service.name}-${Math.floor(r() * service.pods)}`;
    const key = `${service.name}/${pod}`;
    if (!streams.has(key))
      streams.set(key, { stream: { service_name: service.name, namespace: service.namespace, pod }, values: [] });
    const ns = BigInt(Math.floor(at)) * 1000000n + BigInt(Math.floor(r() * 1000000));
    const entry = [ns.toString(), service.line(r, bad)];
    if (service.name === 'payments') entry.push({ region: pick(r, ['ap-northeast-2', 'eu-west-1']) });
    streams.get(key).values.push(entry);
  }
  return [...streams.values()];
}

/** Lines that try to do something to a page. */
export function hostile(endMs) {
  const lines = [
    '<img src=x onerror="alert(1)"><script>alert(2)</script>',
    '<svg/onload=alert(3)> {{constructor.constructor("alert(4)")()}} [link](javascript:alert(5))',
    '\u001b]8;;javascript:alert(6)\u0007click\u001b]8;;\u0007 \u001b[31mred\u001b[0m \u001b[1;5;7mblink\u001b[0m',
    'right to left \u202e;)7(trela\u202c and \u2066isolate\u2069 marks',
    `nul \u0000 bell \u0007 backspace \b vertical \u000b escape \u001b[2J\u001b[H`,
    '\u001b[31m'.repeat(2000) + 'flood',
    '{"a":"<b>bold</b>","__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}}}',
    '='.repeat(300) + '"' + "'".repeat(50),
  ];
  const values = lines.map((line, i) => [(BigInt(Math.floor(endMs) - 1000 + i) * 1000000n).toString(), line]);
  return [{ stream: { service_name: 'hostile', '__odd_label': '<img src=x onerror=alert(7)>' }, values }];
}

/** Flow logs between the shop's workloads, in the columns that all flows have; one pair is denied. */
export function flows(endMs) {
  const pairs = [
    ['edge', 'nginx', 'shop', 'checkout', 'FORWARDED', 60],
    ['edge', 'nginx', 'shop', 'inventory', 'FORWARDED', 25],
    ['edge', 'nginx', 'platform', 'auth', 'FORWARDED', 30],
    ['shop', 'checkout', 'shop', 'payments', 'FORWARDED', 40],
    ['shop', 'checkout', 'shop', 'inventory', 'FORWARDED', 22],
    ['shop', 'checkout', 'data', 'redis', 'FORWARDED', 35],
    ['shop', 'inventory', 'data', 'postgres', 'FORWARDED', 28],
    ['shop', 'payments', 'data', 'postgres', 'FORWARDED', 12],
    ['platform', 'auth', 'data', 'postgres', 'FORWARDED', 9],
    ['shop', 'payments', 'platform', 'auth', 'DROPPED', 14],
    ['shop', 'cron', 'data', 'postgres', 'DROPPED', 6],
  ];
  const values = pairs.flatMap(([fromNamespace, from, toNamespace, to, verdict, count], pair) =>
    Array.from({ length: count }, (_, i) => {
      const ns = (BigInt(Math.floor(endMs) - 600_000 + i * 9000) * 1000000n + BigInt(pair)).toString();
      const columns = { src_namespace: fromNamespace, src_workload: from, src_pod: `${from}-0`, dst_namespace: toNamespace, dst_workload: to, dst_pod: `${to}-0`, dst_port: '8080', verdict, reporter: 'Src' };
      return [ns, `${fromNamespace}/${from} -> ${toNamespace}/${to}:8080 ${verdict}`, columns];
    }),
  );
  return [{ stream: { service_name: 'hubble' }, values }];
}

/** Lines of Hubble's export: checkout talks to payments, and is denied a way to the database. */
export function hubble(endMs, { count = 12, seed = 3 } = {}) {
  const r = random(seed);
  const end = (namespace, name) => ({ ID: 1, identity: 2, namespace, labels: [`k8s:app=${name}`], pod_name: `${name}-5d9c7b8f6d-x2x4z`, workloads: [{ name, kind: 'Deployment' }] });
  const flow = (i, from, to, verdict) => {
    const time = new Date(endMs - 300_000 + i * 1000).toISOString();
    return JSON.stringify({
      flow: {
        time, uuid: hex(r, 32), verdict, ...(verdict === 'DROPPED' ? { drop_reason_desc: 'POLICY_DENIED' } : {}),
        IP: { source: '10.0.1.7', destination: '10.0.2.9', ipVersion: 'IPv4' },
        l4: { TCP: { source_port: 40_000 + i, destination_port: 5432, flags: { SYN: true } } },
        source: end(...from), destination: end(...to), Type: 'L3_L4', node_name: 'n1', traffic_direction: 'EGRESS', is_reply: false, Summary: 'TCP Flags: SYN',
      },
      node_name: 'n1', time,
    });
  };
  return Array.from({ length: count }, (_, i) =>
    i % 4 === 3 ? flow(i, ['shop', 'checkout'], ['data', 'orders-db'], 'DROPPED') : flow(i, ['shop', 'checkout'], ['shop', 'payments'], 'FORWARDED'),
  ).join('\n');
}

/** Pushes streams, some at a time. */
export async function push(base, streams, { entriesAtOnce = 5000, tenant } = {}) {
  let batch = [];
  let held = 0;
  const send = async () => {
    if (!held) return;
    const headers = { 'content-type': 'application/json', ...(tenant ? { 'x-scope-orgid': tenant } : {}) };
    const response = await fetch(`${base}/loki/api/v1/push`, { method: 'POST', headers, body: JSON.stringify({ streams: batch }) });
    if (response.status !== 204) throw new Error(`push: ${response.status} ${await response.text()}`);
    batch = [];
    held = 0;
  };
  for (const { stream, values } of streams) {
    for (let at = 0; at < values.length; at += entriesAtOnce) {
      const part = values.slice(at, at + entriesAtOnce);
      batch.push({ stream, values: part });
      held += part.length;
      if (held >= entriesAtOnce) await send();
    }
  }
  await send();
}
