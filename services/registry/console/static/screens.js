// All screens behind the sign-in.
import { BoothsPage } from './booths.js';
import { CollectPage } from './desk/collect.js';
import { HandOverPage } from './desk/hand_over.js';
import { WaitingPage } from './desk/waiting.js';
import { BoardPage } from './device/board.js';
import { FindPage } from './device/find.js';
import { DevicePage } from './device/page.js';
import { AuditPage } from './office/audit.js';
import { BoothNamesPage } from './office/booth_names.js';
import { HealthPage } from './office/health.js';
import { ImportPage } from './office/import.js';
import { LabelsPage } from './office/labels.js';
import { PeoplePage } from './office/people.js';
import { WallPage } from './wall/page.js';

/**
 * @typedef {{start?: () => void, stop?: () => void, view: () => unknown, isBare?: boolean}} Page
 *   isBare: it has no header and no bar above it
 *
 * @typedef {{
 *   least: import('./session.js').Role,
 *   where: 'bar' | 'menu' | 'picker' | 'links',
 *   isOfHub?: boolean,
 *   open: (place: import('./address.js').Place, app: import('./app.js').App) => Page,
 * }} Screen
 *   least: the role that sees it; where: what leads to it; isOfHub: whether it is about the whole
 *   hub, so not for a key that is for one booth. Its name is that of a text, too: `screen_NAME`,
 *   with `_` for `-`.
 */

/** @type {Record<string, Screen>} By the names in addresses; those of the bar in its order. */
export const SCREENS = {
  wall: { least: 'viewer', where: 'bar', open: (place, app) => new WallPage(place.booth, app) },
  'hand-over': { least: 'attendant', where: 'bar', open: (place, app) => new HandOverPage(place, app) },
  collect: { least: 'attendant', where: 'bar', open: (place, app) => new CollectPage(place, app) },
  waiting: { least: 'viewer', where: 'bar', open: (place, app) => new WaitingPage(place, app) },
  find: { least: 'viewer', where: 'bar', open: (place, app) => new FindPage(place, app) },
  booths: { least: 'viewer', where: 'picker', isOfHub: true, open: (_, app) => new BoothsPage(app) },
  charger: { least: 'viewer', where: 'links', open: (place, app) => new DevicePage('charger', place, app) },
  widget: { least: 'viewer', where: 'links', open: (place, app) => new DevicePage('widget', place, app) },
  board: { least: 'viewer', where: 'menu', open: (place, app) => new BoardPage(place.booth, app) },
  audit: { least: 'viewer', where: 'menu', open: (place, app) => new AuditPage(place, app) },
  labels: { least: 'operator', where: 'menu', open: (place, app) => new LabelsPage(place.booth, app) },
  health: { least: 'viewer', where: 'menu', isOfHub: true, open: (_, app) => new HealthPage(app) },
  import: { least: 'operator', where: 'menu', isOfHub: true, open: (_, app) => new ImportPage(app) },
  'booth-names': { least: 'operator', where: 'menu', isOfHub: true, open: (_, app) => new BoothNamesPage(app) },
  people: { least: 'admin', where: 'menu', isOfHub: true, open: (_, app) => new PeoplePage(app) },
};
