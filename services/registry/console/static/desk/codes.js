// Reads QR codes and the like in pictures, by zxing-wasm, which is loaded when it is first needed.

const PLACE = '../vendor/zxing-wasm';

/** Those on labels and tickets that have a checksum: others are read where there are none. */
const OPTIONS = { formats: ['QRCode', 'DataMatrix', 'Aztec', 'Code128'], maxNumberOfSymbols: 4 };

/** More pixels take longer, and show no more. */
const MOST_PIXELS = 1600;

/** @type {Promise<typeof import('../vendor/zxing-wasm/es/reader/index.js')> | null} */
let loading = null;

/** Have the reader there; what fails may be asked for again. */
export function load() {
  loading ??= loadReader().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function loadReader() {
  const zxing = await import(`${PLACE}/es/reader/index.js`);
  const file = new URL(`${PLACE}/reader/zxing_reader.wasm`, import.meta.url).href;
  // Otherwise it would ask a server of its makers'.
  const overrides = { locateFile: () => file };
  try {
    await zxing.prepareZXingModule({ overrides, fireImmediately: true });
  } catch (error) {
    zxing.purgeZXingModule();
    throw error;
  }
  return zxing;
}

/**
 * Return the texts of all codes in a picture.
 * @param {CanvasImageSource} picture
 * @param {{width: number, height: number}} size of it
 * @returns {Promise<string[]>}
 */
export async function codesIn(picture, { width, height }) {
  const { readBarcodes } = await load();
  const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return [];
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const data = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = await readBarcodes(data, OPTIONS);
  return found.map(({ text }) => text.trim()).filter(Boolean);
}

/**
 * Return the texts of all codes in a photo.
 * @param {Blob} file
 */
export async function codesInPhoto(file) {
  const picture = await createImageBitmap(file);
  try {
    return await codesIn(picture, picture);
  } finally {
    picture.close();
  }
}
