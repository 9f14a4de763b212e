/** The query as it is being typed. */

import { signal } from '@preact/signals';
import { place } from '../state/place';

export const draft = signal(place.value.query);
