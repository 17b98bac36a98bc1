/** The looks. A constructed sheet: no style attribute, so a strict CSP has nothing to forbid. */

const CSS = `
:host{display:inline-block;--_accent:var(--alimi-accent,light-dark(#3451d1,#9db0ff));
--_bg:var(--alimi-surface,light-dark(#fff,#1d1f25));--_fg:var(--alimi-text,light-dark(#1b1d22,#eceef2));
--_dim:var(--alimi-muted,light-dark(#5b6270,#a3aab8));--_line:var(--alimi-line,light-dark(#e6e8ee,#343843));
--_hover:color-mix(in srgb,var(--_fg) 6%,var(--_bg));--_tint:color-mix(in srgb,var(--_accent) 12%,var(--_bg));
--_r:var(--alimi-radius,14px);font:var(--alimi-font,400 15px/1.45 system-ui,sans-serif);color:var(--_fg)}
:host([hidden]){display:none}
:host([theme=light]){color-scheme:light}:host([theme=dark]){color-scheme:dark}:host([theme=auto]){color-scheme:light dark}
*{box-sizing:border-box}
button,.link{font:inherit;color:inherit;background:none;border:0;padding:0;margin:0;text-align:start;text-decoration:none;cursor:pointer;border-radius:8px}
svg{display:block;width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
:focus-visible{outline:2px solid var(--_accent);outline-offset:-2px}
h2,h3,p,ul{margin:0;padding:0}ul{list-style:none}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.bell{position:relative;display:grid;place-items:center;width:var(--alimi-size,40px);height:var(--alimi-size,40px);border-radius:50%}
.bell:hover{background:color-mix(in srgb,currentColor 9%,transparent)}
.bell svg{width:22px;height:22px}
:host(:is([state=out],[state=denied])) .bell svg{opacity:.5}
.badge{position:absolute;inset-block-start:2px;inset-inline-start:54%;min-width:18px;padding:0 5px;border-radius:9px;background:var(--alimi-badge,#cf222e);color:var(--alimi-badge-text,#fff);font-size:11px;font-weight:650;line-height:18px;text-align:center;white-space:nowrap;font-variant-numeric:tabular-nums;box-shadow:0 0 0 2px var(--_bg)}
[hidden]{display:none!important}
.panel,.toasts{margin:0;border:0;padding:0;color:var(--_fg);background:none;font-size:15px;overflow:visible;word-break:keep-all;overflow-wrap:anywhere}
.panel{position:fixed;inset:var(--y,auto) auto var(--b,auto) var(--x,auto);width:var(--alimi-width,400px);max-width:calc(100vw - 16px);height:min(var(--alimi-height,600px),var(--h,90dvh));max-height:none;flex-direction:column;overflow:hidden;background:var(--_bg);border:1px solid var(--_line);border-radius:var(--_r);box-shadow:0 12px 40px #0003,0 2px 8px #0002}
.panel:popover-open,.panel[open]{display:flex}
.panel::backdrop{background:none}
.head{display:flex;align-items:center;gap:4px;padding:14px 10px 6px 18px}
:dir(rtl) .head{padding:14px 18px 6px 10px}
h2{flex:1;font-size:17px;font-weight:650;outline:0}
.icon{display:grid;place-items:center;width:32px;height:32px;color:var(--_dim)}
.icon:hover{color:var(--_fg);background:var(--_hover)}
:disabled{opacity:.4;cursor:default}
.tabs{display:flex;gap:2px;padding:0 12px;border-block-end:1px solid var(--_line)}
.tabs button{padding:8px 8px 9px;border-radius:8px 8px 0 0;color:var(--_dim);font-size:14px}
.tabs button:hover{color:var(--_fg)}
.tabs [aria-selected=true]{color:var(--_fg);font-weight:600;box-shadow:inset 0 -2px var(--_accent)}
.banner,.undo{display:flex;align-items:center;gap:12px;padding:8px 18px;font-size:14px;background:var(--_hover)}
.banner{animation:show 1.5s}
.undo span,.banner span{flex:1}
.undo button,.banner button,.tail button,.foot a,.foot button{color:var(--_accent);font-weight:600;padding:4px 6px;min-height:28px;border-radius:6px}
.list{position:relative;flex:1;overflow-y:auto;overscroll-behavior:contain;outline:0}
h3{position:sticky;inset-block-start:0;z-index:1;padding:10px 18px 6px;background:var(--_bg);color:var(--_dim);font-size:13px;font-weight:600}
li{position:relative}
.link{display:flex;gap:12px;width:100%;padding:10px 34px 10px 18px;border-radius:0}
:dir(rtl) .link{padding:10px 18px 10px 34px}
.new .link{background:var(--_tint)}
li:hover .link{background:var(--_hover)}
.face{position:relative;flex:none;display:grid;place-items:center;width:36px;height:36px;border-radius:50%;overflow:hidden;background:color-mix(in srgb,var(--_accent) 22%,var(--_bg));color:var(--_fg);font-weight:600}
img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}
.text{flex:1;min-width:0;display:grid;gap:1px}
.body,.what{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
.new .body{font-weight:600}
.what{-webkit-line-clamp:1;font-size:14px}
.what:empty{display:none}
.meta{color:var(--_dim);font-size:13px}
.meta :first-child:not(:empty)::after{content:" · "}
.dot{position:absolute;inset-block-start:18px;inset-inline-end:16px;width:8px;height:8px;border-radius:50%}
.new .dot{background:var(--_accent)}
.actions{position:absolute;inset-block-start:6px;inset-inline-end:10px;display:flex;opacity:0;background:var(--_bg);border-radius:8px;box-shadow:0 0 0 1px var(--_line)}
li:is(:hover,:focus-within)>.actions{opacity:1}
.pill{position:sticky;inset-block-start:8px;z-index:2;display:block;width:max-content;margin:8px auto -44px;padding:6px 14px;border-radius:99px;background:var(--_accent);color:var(--_bg);font-size:14px;font-weight:600;box-shadow:0 2px 10px #0003}
.tail{display:grid;place-items:center;gap:8px;padding:16px 18px;color:var(--_dim);text-align:center;font-size:14px}
.tail.only{min-height:60%}
.tail p{outline:0}
.tail svg{width:36px;height:36px;opacity:.5;margin:auto}
.bones{padding:18px;animation:show .2s}
.bones i{display:block;height:44px;margin-block-end:18px;border-radius:10px;background:var(--_hover)}
@keyframes show{0%,99%{visibility:hidden}}
.foot{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px;padding:6px 12px;border-block-start:1px solid var(--_line);font-size:14px}
.foot a{text-decoration:none}
.toasts{position:fixed;inset:auto 16px 16px auto;width:360px;max-width:calc(100vw - 32px)}
:dir(rtl) .toasts{inset:auto auto 16px 16px}
.toast{display:flex;align-items:flex-start;margin-block-start:8px;padding-inline-end:6px;background:var(--_bg);border:1px solid var(--_line);border-radius:var(--_r);box-shadow:0 8px 28px #0003}
.toast .link{padding:12px 4px 12px 14px}
.toast .icon{margin-block-start:8px}
@media (hover:none){.actions{opacity:1;position:static;background:none;box-shadow:none;margin:-6px 10px 6px;justify-content:flex-end}}
@media (max-width:479.98px){.panel{inset:auto 0 0;width:100%;max-width:none;height:85dvh;border-width:1px 0 0;border-radius:var(--_r) var(--_r) 0 0;padding-block-end:env(safe-area-inset-bottom)}
.panel::backdrop{background:#0006}
.toasts{inset:auto 16px calc(16px + env(safe-area-inset-bottom))!important;width:auto}}
@media (prefers-reduced-motion:no-preference){.panel{animation:rise .16s ease-out}.toast{animation:rise .2s ease-out}.ring svg{animation:ring .7s;transform-origin:50% 10%}
@keyframes rise{from{opacity:0;translate:0 8px}}
@keyframes ring{20%,60%{rotate:14deg}40%,80%{rotate:-14deg}}}
@media (forced-colors:active){.badge,.pill{border:1px solid}.new .dot{background:Highlight}.tabs [aria-selected=true]{border-block-end:3px solid Highlight}.bell,.icon{color:ButtonText}}
`;

/** @type {CSSStyleSheet | undefined} one for all bells of a page */
let sheet;

export function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
