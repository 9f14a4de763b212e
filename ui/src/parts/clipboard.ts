/** Copies text and says so. */

import { t } from '../i18n';
import { toast } from './toast';

export async function copy(text: string) {
  const done = await copied(text);
  toast(t(done ? 'share.copied' : 'share.failed'));
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP browsers have no clipboard but this.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'offscreen';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
