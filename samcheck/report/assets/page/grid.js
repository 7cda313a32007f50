"use strict";
/* One table of rows that are made when they come into sight, by SlickGrid. */
const Grid = (() => {
  const NARROW = 700;
  const ROW = 34,
    HEAD = 54;

  /**
   * A grid in `container`.
   *   columns: {id, name, width, show(item) → text or element, sortable}
   *   items: {length, get(at)}; open(item, column id) is called by click and by Enter.
   */
  function make(container, columns, items, { open, sort, sorted, label, frozen = 0 }) {
    container.style.height = `min(72vh, ${items.length * ROW + HEAD}px)`;
    const source = {
      getLength: () => items.length,
      getItem: (at) => ({ at, item: items.get(at) }),
      getItemMetadata: () => null,
    };
    const made = new Slick.Grid(container, source, columns.map(column), {
      enableColumnReorder: false,
      enableHtmlRendering: false,
      enableTextSelectionOnCells: true,
      rowHeight: ROW,
      multiColumnSort: false,
      forceFitColumns: false,
      enableCellNavigation: true,
      frozenColumn: innerWidth < NARROW ? -1 : frozen,
      suppressCssChangesOnHiddenInit: true,
      editable: false,
    });
    made.onSort.subscribe((_, { sortCol, sortAsc }) => sort((sortAsc ? "" : "-") + sortCol.id));
    made.onClick.subscribe((_, { row, cell }) => open(items.get(row), made.getColumns()[cell].id));
    made.onKeyDown.subscribe((event, { row, cell }) => {
      const key = event.getNativeEvent?.() ?? event;
      if (key.key === "Enter") open(items.get(row), made.getColumns()[cell].id);
    });
    if (sorted.field) made.setSortColumn(sorted.field, !sorted.descending);
    access(made, container, label, items.length, columns.length);
    return made;
  }

  function column({ id, name, width, show, sortable = true }) {
    return {
      id: id,
      field: id,
      name: Dom.plain(name),
      width,
      sortable,
      resizable: true,
      toolTip: Dom.plain(name),
      formatter: (_row, _cell, _value, _column, { item }) => wrap(show(item)),
    };
  }

  const wrap = (shown) =>
    shown instanceof Node ? shown : Dom.el("span", { title: Dom.plain(shown) }, shown);

  /** What SlickGrid does not say to those who hear the page; what has the focus says what it stands for. */
  function access(made, container, label, rows, columns) {
    container.setAttribute("aria-label", label);
    container.setAttribute("aria-rowcount", rows + 1);
    container.setAttribute("aria-colcount", columns);
    for (const pane of container.querySelectorAll(".slick-pane, .slick-viewport"))
      pane.removeAttribute("tabindex");
    for (const canvas of container.querySelectorAll(".grid-canvas")) {
      if (canvas.childElementCount) canvas.setAttribute("role", "rowgroup");
      else canvas.removeAttribute("tabindex");
    }
    const heard = [...container.querySelectorAll(":scope > [tabindex]")].map((sink) => {
      const cell = Dom.el(
        "span",
        { role: "gridcell", class: "heard", "aria-live": "polite" },
        `${label}: arrow keys move, Enter opens`,
      );
      sink.setAttribute("role", "row");
      sink.append(cell);
      return cell;
    });
    made.onActiveCellChanged.subscribe((_, { row, cell }) => {
      const shown = made.getActiveCellNode()?.innerText ?? "";
      for (const region of heard)
        Dom.fill(region, `row ${row + 1} of ${rows}, ${made.getColumns()[cell]?.name}: ${shown}`);
    });
  }

  return { make };
})();
