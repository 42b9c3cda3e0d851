"""TypeScript reads the console's modules, which say their types in comments, and finds no mistake.

What they say of a tile, the hub, a key and the like is what the OpenAPI document says.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final, cast

import pytest

from services.registry.console.files import FOLDER
from services.registry.routes.build import build
from tests.clients.environments import node_packages
from tests.clients.typescript.test_hand_over import output_of

LIT: Final = """
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => object;
export const nothing: symbol;
export const render: (value: unknown, container: HTMLElement) => void;
"""
ZXING: Final = """
export const readBarcodes: (picture: ImageData, options: object) => Promise<{ text: string }[]>;
export const prepareZXingModule: (options: object) => Promise<unknown>;
export const purgeZXingModule: () => void;
"""
AGREES: Final = """
import type { components } from './chargelight.ts';
import type { Tile } from './console/feed/tiles.js';
import type { Hub } from './console/office/hub_model.js';
import type { Outcome } from './console/office/import_model.js';
import type { Key } from './console/office/keys.js';
import type { Entry } from './console/office/sentences.js';
type Told = components['schemas'];
export const agrees = (tile: Told['Tile']): Tile => tile;
export const hubAgrees = (hub: Told['Hub']): Hub => hub;
export const outcomeAgrees = (outcome: Told['Outcome']): Outcome => outcome;
export const keyAgrees = (key: Told['ShownKey']): Key => key;
export const entryAgrees = (entry: Told['AuditEntry']): Entry => entry;
"""
OPTIONS: Final = {
    "allowJs": True,
    "allowImportingTsExtensions": True,
    "checkJs": True,
    "noEmit": True,
    "strict": True,
    # Not each argument of each small function says its type.
    "noImplicitAny": False,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    "types": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The console's modules, and what TypeScript needs to read them."""
    (tmp_path / "node_modules").symlink_to(node_packages("typescript"))
    shutil.copytree(FOLDER, tmp_path / "console")
    (tmp_path / "console/vendor/lit-html/lit-html.d.ts").write_text(LIT)
    (tmp_path / "console/vendor/zxing-wasm/es/reader/index.d.ts").write_text(ZXING)
    (tmp_path / "agrees.ts").write_text(AGREES)
    document = build(cast("Any", None)).openapi()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    files = ["agrees.ts", "console/app.js"]
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": OPTIONS, "files": files})
    )
    return tmp_path


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm on the PATH (of Node.js)")
async def test_the_consoles_modules_have_the_types_that_they_say(folder: Path) -> None:
    tools = folder / "node_modules" / ".bin"
    made_from = ("openapi.json", "--output", "chargelight.ts")
    await output_of(
        folder, f"{tools}/openapi-typescript", *made_from, "--default-non-nullable=false"
    )
    await output_of(folder, f"{tools}/tsc")
    tiles = folder / "console/feed/tiles.js"
    tiles.write_text(tiles.read_text().replace("pairing_number: number | null,", ""))
    with pytest.raises(AssertionError, match="pairing_number"):
        await output_of(folder, f"{tools}/tsc")
