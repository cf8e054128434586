/**
 * The widgets' looks, for React and for the custom elements. The page may set the properties, on :root too:
 * their defaults have no specificity and stand on the document alone, from where shadow trees inherit.
 */
export const CSS = `
:where(:root) {
  --limpet-green: #10b981; --limpet-amber: #f59e0b; --limpet-red: #ef4444; --limpet-grey: #9ca3af;
  --limpet-background: #ffffff; --limpet-foreground: #1f2937; --limpet-muted: #4b5563; --limpet-border: #d1d5db;
  --limpet-banner-background: #fcd34d; --limpet-banner-foreground: #451a03;
}
@media (prefers-color-scheme: dark) {
  :where(:root) {
    --limpet-background: #1f2937; --limpet-foreground: #f3f4f6; --limpet-muted: #cbd5e1; --limpet-border: #4b5563;
    --limpet-banner-background: #f59e0b; --limpet-banner-foreground: #1c0a00;
  }
}
.limpet-status, .limpet-indicator, .limpet-banner { font: 500 0.875rem/1.4 system-ui, sans-serif; box-sizing: border-box; }
.limpet-status {
  position: fixed; z-index: 1000; margin: 0.75rem; padding: 0.375rem 0.75rem; max-inline-size: calc(100vw - 1.5rem);
  color: var(--limpet-foreground); background: var(--limpet-background); border: 1px solid var(--limpet-border);
  border-radius: 1.125rem; box-shadow: 0 2px 8px rgb(0 0 0 / 0.15); font-variant-numeric: tabular-nums;
}
.limpet-compact { padding: 0.375rem 0.5rem; }
.limpet-top-left { inset-block-start: 0; left: 0; }
.limpet-top-right { inset-block-start: 0; right: 0; }
.limpet-bottom-left { inset-block-end: 0; left: 0; }
.limpet-bottom-right { inset-block-end: 0; right: 0; }
.limpet-static { position: relative; z-index: auto; display: inline-block; margin: 0; max-inline-size: 100%; box-shadow: none; }
.limpet-green { border-color: var(--limpet-green); }
.limpet-amber { border-color: var(--limpet-amber); }
.limpet-red { border-color: var(--limpet-red); }
.limpet-grey { border-color: var(--limpet-grey); }
.limpet-line { display: flex; align-items: center; gap: 0.5rem; }
.limpet-text { overflow-wrap: anywhere; }
.limpet-text, .limpet-metrics dd, .limpet-bar > * { unicode-bidi: plaintext; }
.limpet-badge {
  min-inline-size: 1.25rem; padding: 0 0.375rem; border-radius: 0.75rem; box-sizing: border-box; text-align: center;
  font-size: 0.75rem; line-height: 1.25rem; color: #ffffff; background: #b91c1c;
}
.limpet-dots { display: inline-flex; gap: 0.2rem; }
.limpet-dots i { inline-size: 0.3rem; block-size: 0.3rem; border-radius: 50%; background: var(--limpet-amber); animation: limpet-dot 1.2s infinite; }
.limpet-dots i:nth-child(2) { animation-delay: 0.2s; }
.limpet-dots i:nth-child(3) { animation-delay: 0.4s; }
@keyframes limpet-dot { 0%, 60%, 100% { opacity: 0.25; } 30% { opacity: 1; } }
.limpet-metrics { margin: 0.375rem 0 0.125rem; display: grid; gap: 0.125rem; font-size: 0.8125rem; }
.limpet-metrics div { display: flex; justify-content: space-between; gap: 1.5rem; }
.limpet-metrics dt { color: var(--limpet-muted); }
.limpet-metrics dd { margin: 0; }
.limpet-heard { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.limpet-indicator { position: relative; display: inline-block; cursor: default; }
.limpet-bar {
  display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0.375rem 0.875rem; padding: 0.5rem 1rem;
  color: var(--limpet-banner-foreground); background: var(--limpet-banner-background); border-block-end: 1px solid transparent;
}
.limpet-bar span:empty { display: none; }
.limpet-banner { inline-size: 100%; position: relative; z-index: 1001; }
.limpet-try {
  font: inherit; font-weight: 600; padding: 0.25rem 0.875rem; cursor: pointer; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: 1rem;
}
.limpet-try:hover { background: rgb(0 0 0 / 0.1); }
.limpet-try:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
@media (prefers-reduced-motion: reduce) { .limpet-dots i { animation: none; opacity: 0.7; } }
@media (forced-colors: active) { .limpet-status, .limpet-bar, .limpet-badge { border: 1px solid CanvasText; } .limpet-dots i { background: CanvasText; } }
`;

let sheet: CSSStyleSheet | undefined;

/** Puts the one sheet on `root`, once; nothing where style sheets cannot be made (a server, old browsers). */
export function adopt(root: Document | ShadowRoot): void {
  if (typeof CSSStyleSheet !== 'function' || !root.adoptedStyleSheets || !('replaceSync' in CSSStyleSheet.prototype)) return;
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}
