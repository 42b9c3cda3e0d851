// Where the hub's pages of labels are. No page.

/**
 * Return it, seen from the console.
 * @param {{kind: string, booth: string | null, ids: string}} wanted booth: empty: only what is in
 *   none; null: all
 * @param {string} address what the codes on the labels begin with
 */
export function labelsAddress({ kind, booth, ids }, address) {
  const query = new URLSearchParams({ kind, address });
  if (booth !== null) query.set('booth', booth);
  const listed = ids.split(/[\s,;]+/).filter(Boolean);
  if (listed.length) query.set('ids', listed.join(','));
  return `../labels?${query}`;
}

/**
 * Return the host of what the codes are to begin with; null: they cannot begin with it.
 * @param {string} address
 */
export function hostOf(address) {
  if (!/^https?:\/\/[^\s?#]+$/.test(address)) return null;
  try {
    return new URL(address).hostname;
  } catch {
    return null; // as with a bracket that is still open
  }
}
