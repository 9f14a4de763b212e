/** Saved searches: kept by the server for all who see the tenant. */

import { address, getJson, request } from './http';

export interface SavedSearch {
  name: string;
  query: string;
  from: string;
  to: string;
  columns: string[];
}

export async function fetchSaved(aborted: AbortSignal): Promise<SavedSearch[]> {
  return (await getJson<{ data: SavedSearch[] }>('skald/api/v1/saved', {}, aborted)).body.data;
}

export async function keepSearch(search: SavedSearch) {
  await request(address('skald/api/v1/saved'), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(search) });
}

export async function removeSearch(name: string) {
  await request(address('skald/api/v1/saved', { name }), { method: 'DELETE' });
}
