/** Who asks: a token that a browser gives once, the cookie it becomes, and the tenants it may see. */

import { address, getJson, identity, request, RequestError } from './http';

const TOKEN = 'skald.token';

/** The token of this tab, where a browser takes no cookies. */
export function recallToken() {
  try {
    identity.token = sessionStorage.getItem(TOKEN) ?? '';
  } catch {
    // A browser without storage asks again.
  }
}

function rememberToken(token: string) {
  identity.token = token;
  try {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // It lasts as long as the page.
  }
}

/** Changes a token for a cookie that no script reads; a browser that takes none keeps the token in its tab. */
export async function beginSession(token: string) {
  identity.token = token;
  try {
    await request(address('skald/api/v1/session'), { method: 'POST' });
    identity.token = '';
    await fetchTenants();
    rememberToken('');
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    rememberToken(token);
  }
}

export async function endSession() {
  await request(address('skald/api/v1/session'), { method: 'DELETE' }).catch(() => undefined);
  rememberToken('');
}

export interface Tenants {
  tenants: string[];
  auth_enabled: boolean;
  /** The token's name. */
  token: string | null;
}

export async function fetchTenants(): Promise<Tenants> {
  return (await getJson<{ data: Tenants }>('skald/api/v1/tenants', {})).body.data;
}
