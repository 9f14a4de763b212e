/** Requests to the server beside the page: relative addresses, the tenant, errors as values to show. */

/** `<prefix>/`, seen from `<prefix>/ui/`. */
const ROOT = new URL('../', document.baseURI);

export type Trouble = 'refused' | 'unauthorized' | 'limited' | 'slow' | 'gone' | 'broken';

export class RequestError extends Error {
  readonly trouble: Trouble;
  readonly status: number;

  constructor(trouble: Trouble, status: number, message: string) {
    super(message);
    this.trouble = trouble;
    this.status = status;
  }
}

/** What every request carries; set by the page's settings. */
export const identity = { tenant: '', token: '' };

export function address(path: string, params: Record<string, string | number | undefined> = {}): URL {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  return url;
}

/** The server's address without a slash at its end, for lines that people copy. */
export function serverBase(): string {
  return ROOT.href.replace(/\/$/, '');
}

function troubleOf(status: number): Trouble {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 429) return 'limited';
  if (status === 503 || status === 502) return 'gone';
  if (status === 504) return 'slow';
  return status >= 500 ? 'broken' : 'refused';
}

export async function request(url: URL, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  // By this the server knows not to have the browser ask for a name and a password.
  headers.set('X-Requested-With', 'skald-page');
  if (identity.tenant) headers.set('X-Scope-OrgID', identity.tenant);
  if (identity.token) headers.set('Authorization', `Bearer ${identity.token}`);
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestError('gone', 0, '');
  }
  if (response.ok) return response;
  const text = (await response.text().catch(() => '')).trim();
  throw new RequestError(troubleOf(response.status), response.status, text);
}

export async function getJson<T>(path: string, params: Record<string, string | number | undefined>, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<{ body: T; headers: Headers }> {
  const response = await request(address(path, params), { headers, ...(signal ? { signal } : {}) });
  return { body: (await response.json()) as T, headers: response.headers };
}

/** Lines of a streamed answer, in batches as they arrive. */
export async function* streamLines(response: Response): AsyncGenerator<string[]> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = '';
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      const full = lines.filter((line) => line !== '');
      if (full.length) yield full;
    }
    if (rest) yield [rest];
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
