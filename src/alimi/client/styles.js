/** The looks. Constructed sheets: no style attribute, so a strict CSP has nothing to forbid. */

/** One sheet for all bells of a page. @param {string} css */
export function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

export const bellSheet = sheet(`
:host{display:inline-block;vertical-align:middle;--_a:var(--alimi-accent,light-dark(#3451d1,#9db0ff));--_s:var(--alimi-surface,light-dark(#fff,#1d1f25));--_t:var(--alimi-text,light-dark(#1b1d22,#eceef2));--_m:var(--alimi-muted,light-dark(#5b6270,#a3aab8));--_l:var(--alimi-line,light-dark(#e6e8ee,#343843));--_h:color-mix(in srgb,var(--_t) 6%,var(--_s));--_r:var(--alimi-radius,14px);font:var(--alimi-font,15px/1.45 system-ui,sans-serif)}
:host([theme]){color-scheme:light dark}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box;margin:0;padding:0}
button,.link{font:inherit;color:inherit;background:none;border:0;text-align:start;text-decoration:none;cursor:pointer;border-radius:8px}
svg{display:block;width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
:focus-visible{outline:2px solid var(--_a);outline-offset:-2px}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.bell{position:relative;display:grid;place-items:center;width:var(--alimi-size,40px);height:var(--alimi-size,40px);border-radius:50%;anchor-name:--bell}
.bell:hover{background:#8882}
.bell svg{width:22px;height:22px}
:host([state=out]) svg{opacity:.5}
.badge{position:absolute;inset-block-start:0;inset-inline-end:max(0px,46% - 18px);min-width:18px;padding:0 4px;border-radius:9px;background:var(--alimi-badge,#cf222e);color:var(--alimi-badge-text,#fff);font-size:11px;font-weight:600;line-height:18px;text-align:center;white-space:nowrap;font-variant-numeric:tabular-nums}
:host([badge=dot]) .badge{inset-inline-end:calc(46% - 10px);min-width:10px;height:10px;padding:0;font-size:0}
:host([badge=off]) .badge{display:none}
.panel,.toasts{position:fixed;inset:auto;border:0;color:var(--_t);background:none;overflow:visible;word-break:keep-all;overflow-wrap:anywhere}
.icon{display:grid;place-items:center;width:32px;height:32px;color:var(--_m)}
.icon:hover,.tab:hover{color:var(--_t);background:var(--_h)}
.link{display:flex;gap:12px;width:100%;padding:10px 18px;border-radius:0}
.avatar{position:relative;flex:none;display:grid;place-items:center;width:36px;height:36px;border-radius:50%;overflow:hidden;background:color-mix(in srgb,var(--_a) 22%,var(--_s));font-weight:600}
img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}
.text{flex:1;min-width:0;display:grid;gap:1px;padding-inline-end:16px}
.body,.object{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
.object{font-size:14px}
.toasts{inset-block-end:16px;inset-inline-end:16px;width:360px;max-width:calc(100vw - 32px)}
.toast{display:flex;align-items:center;margin-block-start:8px;padding-inline-end:6px;background:var(--_s);border:1px solid var(--_l);border-radius:var(--_r);box-shadow:0 8px 28px #0003}
.toast .text{padding:0}
@media (width<480px){.toasts{inset-inline:16px;width:auto}}
@media (prefers-reduced-motion:no-preference){.panel,.toast{animation:rise .2s}.ring svg{animation:ring .7s;transform-origin:top}
@keyframes rise{from{opacity:0;translate:0 8px}}
@keyframes ring{25%,75%{rotate:14deg}50%{rotate:-14deg}}}
@media (prefers-contrast:more){:host{--_m:var(--_t);--_l:var(--_t)}}
@media (forced-colors:active){.badge{border:1px solid}}
`);
