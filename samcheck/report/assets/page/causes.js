"use strict";
/* Why checks failed: where the imports are broken, that is the one cause of everything that fails there. */
const Causes = (() => {
  const NONE = "no reason was recorded";
  /** Per environment: why its imports failed, "" where they did not. */
  let imports;

  function prepare() {
    const { definitions, rowDefinition, rowCell, rowWhy, whyBad } = Data;
    const ofImports = Uint8Array.from(definitions, ({ group }) => (group === "imports" ? 1 : 0));
    imports = Data.cells.map(() => "");
    for (let row = 0; row < rowWhy.length; row++)
      if (whyBad[rowWhy[row]] && ofImports[rowDefinition[row]]) imports[rowCell[row]] ||= own(Data.why(row));
  }

  /** pytest's plugin says so of a check whose fixture failed. */
  const own = ({ reason }) => reason.replace(/ \(in setup\)$/, "") || NONE;

  /** Whether an environment is broken as a whole, and why. */
  function ofImports(cell) {
    if (!imports) prepare();
    return imports[cell];
  }

  /** Of a check that failed. */
  const of = (row) => ofImports(Data.rowCell[row]) || own(Data.why(row));

  return { of, ofImports, own };
})();
