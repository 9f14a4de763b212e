/** Keeps the search that is shown under a name. */

import { useState } from 'preact/hooks';
import { keepSearch } from '../api/saved';
import { t } from '../i18n';
import { Menu } from '../parts/Menu';
import { toast } from '../parts/toast';
import { failureOf } from '../search/store';
import { place } from '../state/place';

export function Save() {
  const [name, setName] = useState('');
  const save = () => {
    const { query, range, columns } = place.value;
    keepSearch({ name: name.trim(), query, from: range.from, to: range.to, columns }).then(
      () => {
        toast(t('saved.done', { name: name.trim() }));
        setName('');
      },
      (error: unknown) => toast(failureOf(error).message || t('error.gone')),
    );
  };
  return (
    <Menu label={t('saved.save')} icon="save" name="save">
      <form
        class="save-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) save();
        }}
      >
        <label>
          {t('saved.name')} <input type="text" maxLength={200} autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <button type="submit" class="primary">{t('saved.keep')}</button>
      </form>
    </Menu>
  );
}
