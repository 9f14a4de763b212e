// The query as it is typed: mistakes at their place, repaired by a key; suggestions; Hangul.
import { expect, openSearch, searchUrl, test } from './server';

test('a mistake is marked as it is typed, said, and repaired by a key that can be undone', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  const query = page.locator('#query');
  await query.fill('');
  await query.pressSequentially('{service_name="auth"} |= 로그인 | logfmt');
  await expect(page.locator('.q-bad')).toHaveText('로그인');
  await expect(query).toHaveAttribute('aria-invalid', 'true');
  await expect(query).toHaveAttribute('aria-describedby', 'query-error');
  await expect(page.locator('#query-error[role=status]')).toContainText('put the value in double quotes');
  // What is shown is of the query that was run.
  await expect(page.locator('.row').first()).toBeVisible();
  await page.keyboard.press('Alt+Enter');
  await expect(query).toHaveValue('{service_name="auth"} |= "로그인" | logfmt');
  await expect(page.locator('.q-bad')).toHaveCount(0);
  await expect(page.locator('#query-error')).toBeEmpty();
  await page.keyboard.press('Control+z');
  await expect(query).toHaveValue('{service_name="auth"} |= 로그인 | logfmt');
  await page.keyboard.press('Alt+Enter');
  await page.keyboard.press('Enter');
  await expect(page.locator('.row').first()).toContainText('로그인');
  await expect(page).toHaveURL(/logfmt/);
});

test('what is still to be written is named, and no mistake', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  const query = page.locator('#query');
  await query.pressSequentially(' |= ');
  await expect(page.locator('.query-missing')).toContainText('expected a text in double quotes');
  await expect(query).toHaveAttribute('aria-invalid', 'false');
  await query.pressSequentially('"x"');
  await expect(page.locator('.query-missing')).toHaveCount(0);
});

test('a query that was run with a mistake is shown with its place, and repaired by a click', async ({ page, server }) => {
  await page.goto(searchUrl(server, '{service_name="checkout"} |= foo'));
  await expect(page.locator('.error-place em')).toHaveText('foo');
  await expect(page.locator('.error-advice')).toContainText('"foo"');
  await page.locator('.repair').click();
  await expect(page.locator('#query')).toHaveValue('{service_name="checkout"} |= "foo"');
  await expect(page.locator('.error-place')).toHaveCount(0);
  await page.keyboard.type(' or "failed"');
  await page.keyboard.press('Enter');
  await expect(page.locator('.row').first()).toBeVisible();
});

test('Enter while Hangul is composed runs nothing', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  await page.locator('#query').focus();
  await page.keyboard.press('End');
  await page.keyboard.type(' |= "');
  const session = await page.context().newCDPSession(page);
  await session.send('Input.imeSetComposition', { text: '로그인', selectionStart: 3, selectionEnd: 3 });
  const before = page.url();
  await page.evaluate(() => {
    const event = new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, isComposing: true, bubbles: true, cancelable: true });
    document.querySelector('#query')?.dispatchEvent(event);
  });
  expect(page.url()).toBe(before);
  await session.send('Input.insertText', { text: '로그인' });
  await page.keyboard.type(' 실패"');
  await page.keyboard.press('Enter');
  await expect(page.locator('.row').first()).toContainText('로그인 실패');
});

test('Hangul is composed in the search of Home', async ({ page, server }) => {
  await page.goto(`${server.url}/ui/`);
  await page.locator('.services').waitFor();
  await page.keyboard.press('/');
  const session = await page.context().newCDPSession(page);
  for (const text of ['ㄹ', '로', '로그', '로그인']) await session.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  await expect(page).not.toHaveURL(/query=/);
  await session.send('Input.insertText', { text: '로그인' });
  await page.keyboard.type(' 실패');
  await page.keyboard.press('Enter');
  await expect(page.locator('.row').first()).toContainText('로그인 실패');
});

test('labels, values and stages are completed', async ({ page, server }) => {
  await openSearch(page, server, '{service_name="auth"}');
  const query = page.locator('#query');
  await query.fill('');
  await query.pressSequentially('{serv');
  await expect(page.getByRole('option', { name: 'service_name' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(query).toHaveValue('{service_name="');
  await expect(page.getByRole('option', { name: 'payments' })).toBeVisible();
  await page.keyboard.type('pay');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(query).toHaveValue('{service_name="payments"}');
  await page.keyboard.type(' | logf');
  await expect(page.getByRole('option', { name: 'logfmt' })).toBeVisible();
  // Nothing is marked, so Enter runs what is typed.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/payments/);
  await expect(page.locator('.row').first()).toContainText('charge');
});
