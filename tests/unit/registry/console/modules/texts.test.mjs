// Texts that do not come, and times of other days.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

const kept = new Map();
globalThis.localStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, text) => kept.set(name, text),
  removeItem: (name) => kept.delete(name),
};
globalThis.document = /** @type {any} */ ({ documentElement: {} });
Object.defineProperty(globalThis, 'navigator', { value: { languages: ['de-CH', 'en'] } });
const { chooseLanguage, currentLanguage, loadTexts, moment, t } = await import(
  '../../../../../services/registry/console/static/texts.js'
);

/** @param {Record<string, Response>} files by their languages */
function serving(files) {
  globalThis.fetch = async (address) => {
    const answer = files[/(\w+)\.json$/.exec(String(address))?.[1] ?? ''];
    if (!answer) throw new TypeError('no contact');
    return answer;
  };
}

beforeEach(async () => {
  kept.clear();
  serving({ de: Response.json({ hello: 'Hallo' }) });
  await loadTexts();
});

test('a language that does not come changes nothing', async () => {
  serving({ fr: Response.json({ detail: 'away' }, { status: 503 }) });
  await assert.rejects(chooseLanguage('fr'));
  await assert.rejects(chooseLanguage('es'));
  assert.deepEqual([currentLanguage(), t('hello'), kept.size], ['de', 'Hallo', 0]);
  serving({ fr: Response.json({ hello: 'Bonjour' }) });
  await chooseLanguage('fr');
  assert.deepEqual([currentLanguage(), t('hello'), kept.get('chargelight-language')], ['fr', 'Bonjour', 'fr']);
});

test('a moment says its day, unless that is today, and its year, unless it is this one', () => {
  const now = new Date();
  const before = new Date(now.getFullYear() - 1, now.getMonth(), now.getDate(), 12, 30);
  assert.match(moment(now.getTime()), /^\d\d:\d\d$/);
  assert.match(moment(before.getTime()), new RegExp(`${before.getFullYear()}, 12:30$`));
});
