/** The looks. A constructed sheet: no style attribute, so a strict CSP has nothing to forbid. */

const CSS = `
:host{display:inline-block;--_a:var(--alimi-accent,light-dark(#3451d1,#9db0ff));--_s:var(--alimi-surface,light-dark(#fff,#1d1f25));--_t:var(--alimi-text,light-dark(#1b1d22,#eceef2));--_m:var(--alimi-muted,light-dark(#5b6270,#a3aab8));--_l:var(--alimi-line,light-dark(#e6e8ee,#343843));--_h:color-mix(in srgb,var(--_t) 6%,var(--_s));--_r:var(--alimi-radius,14px);font:var(--alimi-font,15px/1.45 system-ui,sans-serif)}
:host([theme]){color-scheme:light dark}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box;margin:0;padding:0}
button,.link{font:inherit;color:inherit;background:none;border:0;text-align:start;text-decoration:none;cursor:pointer;border-radius:8px}
svg{display:block;width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
:focus-visible{outline:2px solid var(--_a);outline-offset:-2px}
h2:focus,p:focus,.list:focus{outline:0}
ul{list-style:none}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.bell{position:relative;display:grid;place-items:center;width:var(--alimi-size,40px);height:var(--alimi-size,40px);border-radius:50%;anchor-name:--bell}
.bell:hover{background:#8882}
.bell svg{width:22px;height:22px}
:host([state=out]) svg{opacity:.5}
.badge{position:absolute;inset-block-start:2px;inset-inline-start:54%;min-width:18px;padding:0 5px;border-radius:9px;background:var(--alimi-badge,#cf222e);color:var(--alimi-badge-text,#fff);font-size:11px;font-weight:600;line-height:18px;text-align:center;white-space:nowrap;font-variant-numeric:tabular-nums}
.panel,.toasts{position:fixed;inset:64px 16px auto auto;border:0;color:var(--_t);background:none;overflow:visible;word-break:keep-all;overflow-wrap:anywhere}
.panel{width:var(--alimi-width,400px);max-width:calc(100vw - 16px);height:var(--alimi-height,600px);max-height:min(100% - 16px,100dvh - 16px);flex-direction:column;overflow:hidden;background:var(--_s);border:1px solid var(--_l);border-radius:var(--_r);box-shadow:0 12px 40px #0003}
@supports (position-area:end){.panel{inset:auto;margin:8px 0;position-anchor:--bell;position-area:block-end span-inline-start;position-try:flip-inline,flip-block,flip-block flip-inline}}
.panel:is(:popover-open,[open]){display:flex}
.panel::backdrop{background:none}
.header,.tabs,.note,.footer{display:flex;align-items:center;gap:4px;padding:12px 12px 4px;padding-inline-start:18px}
.title{flex:1;font-size:17px}
.icon{display:grid;place-items:center;width:32px;height:32px;color:var(--_m)}
.icon:hover,.tab:hover{color:var(--_t);background:var(--_h)}
:disabled{opacity:.4}
.tabs{padding:0 10px;border-block-end:1px solid var(--_l)}
.tab{padding:8px;border-radius:8px 8px 0 0;color:var(--_m);font-size:14px}
[aria-selected=true]{color:var(--_t);font-weight:600;box-shadow:inset 0 -2px var(--_a)}
.note{padding:8px 18px;background:var(--_h);font-size:14px}
.note p{flex:1}
:host([state=retry]) .note,.bones{animation:late 1s}
.action{color:var(--_a);font-weight:600;padding:4px 6px;text-decoration:none}
.list{position:relative;flex:1;overflow-y:auto;overscroll-behavior:contain}
.day{position:sticky;inset-block-start:0;z-index:1;padding:10px 18px 6px;background:var(--_s);color:var(--_m);font-size:13px}
h3{font:inherit;font-weight:600}
.row{position:relative}
.link{display:flex;gap:12px;width:100%;padding:10px 18px;border-radius:0}
.row-unread .link{background:color-mix(in srgb,var(--_a) 7%,var(--_s))}
.row:hover .link{background:var(--_h)}
.avatar{position:relative;flex:none;display:grid;place-items:center;width:36px;height:36px;border-radius:50%;overflow:hidden;background:color-mix(in srgb,var(--_a) 22%,var(--_s));font-weight:600}
img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}
.text{flex:1;min-width:0;display:grid;gap:1px;padding-inline-end:16px}
.body,.object{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
.row-unread .body{font-weight:600}
.object{font-size:14px}
.object:empty{display:none}
.meta{color:var(--_m);font-size:13px}
.actor:not(:empty)::after{content:" · "}
.dot{position:absolute;inset-block-start:18px;inset-inline-end:16px;width:8px;height:8px;border-radius:50%}
.row-unread .dot{background:var(--_a)}
.actions{position:absolute;inset-block-end:4px;inset-inline-end:10px;display:flex;border-radius:8px}
@media (hover){.actions{inset-block:6px auto;opacity:0;background:var(--_s);box-shadow:0 0 0 1px var(--_l)}
.row:is(:hover,:focus-within)>.actions{opacity:1}}
.pill{position:sticky;inset-block-start:8px;z-index:2;display:block;margin:8px auto -44px;padding:6px 14px;border-radius:99px;background:var(--_a);color:var(--_s);font-weight:600}
.empty,.more{display:grid;place-items:center;align-content:center;gap:8px;padding:16px;color:var(--_m)}
.empty{min-height:70%}
.bones::before{content:"";justify-self:stretch;height:300px;border-radius:10px;background:repeating-linear-gradient(var(--_h) 0 52px,var(--_s) 52px 68px)}
@keyframes late{0%,99%{visibility:hidden}}
.footer{justify-content:space-between;padding:6px 12px;border-block-start:1px solid var(--_l);font-size:14px}
.toasts{inset:auto;inset-block-end:16px;inset-inline-end:16px;width:360px;max-width:calc(100vw - 32px)}
.toast{display:flex;align-items:center;margin-block-start:8px;padding-inline-end:6px;background:var(--_s);border:1px solid var(--_l);border-radius:var(--_r);box-shadow:0 8px 28px #0003}
.toast .text{padding:0}
@media (width<480px){.panel{position-area:none;inset:auto 0 0;margin:0;width:100%;max-width:none;max-height:85dvh;border-radius:var(--_r) var(--_r) 0 0;padding-block-end:env(safe-area-inset-bottom)}
.panel::backdrop{background:#0006}
.toasts{inset-inline:16px;width:auto}}
@media (prefers-reduced-motion:no-preference){.panel,.toast{animation:rise .2s}.ring svg{animation:ring .7s;transform-origin:top}
@keyframes rise{from{opacity:0;translate:0 8px}}
@keyframes ring{25%,75%{rotate:14deg}50%{rotate:-14deg}}}
@media (forced-colors:active){.badge,.pill{border:1px solid}.row-unread .dot{background:Highlight}[aria-selected=true]{border-block-end:3px solid}}
`;

/** @type {CSSStyleSheet | undefined} one for all bells of a page */
let sheet;

export function styles() {
  sheet ||= new CSSStyleSheet();
  sheet.replaceSync(CSS);
  return sheet;
}
