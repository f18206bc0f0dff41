"""The page's style sheet: light, dark, and paper. System fonts only: a page from a mail attachment has no others."""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5b6675;--faint:#8a94a3;--page:#fff;--card:#f6f7f9;--line:#dfe3e8;
--good:#1a7f4b;--good-back:#e8f5ee;--warn:#8a5a00;--warn-back:#fdf4e0;--bad:#b3261e;--bad-back:#fcecea;
--note:#2b5c9e;--note-back:#eaf1fa;
--move:#3b6fb6;--read:#3f9384;--make:#7c8899;--set:#b58a3c;--cut:#9273b3;--run:#aab3bf}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#a3adba;--faint:#7b8695;--page:#14181e;--card:#1c222a;
--line:#303945;--good:#5cc98f;--good-back:#16291f;--warn:#e3b457;--warn-back:#2b2415;--bad:#f0857d;--bad-back:#321b1a;
--note:#86b3ee;--note-back:#182536;
--move:#5f92d9;--read:#57ab9b;--make:#8592a4;--set:#c79f55;--cut:#a98bca;--run:#58626f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif}
main,footer{max-width:1060px;margin:0 auto;padding:0 28px}
header{max-width:1060px;margin:0 auto;padding:40px 28px 0}
.over{margin:0;color:var(--soft);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
h1{margin:4px 0 2px;font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{margin:44px 0 12px;font-size:18px;font-weight:650;letter-spacing:-.005em}
h3{margin:22px 0 6px;font-size:13px;font-weight:650;color:var(--soft)}
p{margin:6px 0}
dd div{font-size:13px;color:var(--soft)}
.way{margin:0;color:var(--soft)}
code,.mono{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code{overflow-wrap:anywhere}
.soft{color:var(--soft)}
.lines{white-space:pre-wrap;overflow-wrap:anywhere}
.verdict{margin:22px 0 0;padding:14px 18px;border-radius:8px;border-left:4px solid}
.verdict strong{display:block;font-size:17px;line-height:1.4}
.verdict p{margin:2px 0}
.good{color:var(--good);background:var(--good-back);border-color:var(--good)}
.warn{color:var(--warn);background:var(--warn-back);border-color:var(--warn)}
.bad{color:var(--bad);background:var(--bad-back);border-color:var(--bad)}
.note{color:var(--note);background:var(--note-back);border-color:var(--note)}
.verdict p,.verdict code{color:var(--ink)}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:10px;margin:18px 0 0}
.tile{padding:12px 13px;border-radius:8px;background:var(--card)}
.tile b{display:block;white-space:nowrap;font-size:19px;line-height:1.3;font-weight:650;
font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--soft);font-size:12.5px;line-height:1.4}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 20px;margin:10px 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
th{padding:6px 10px 6px 0;color:var(--soft);font-size:12px;font-weight:600;text-align:left;vertical-align:bottom;
border-bottom:1px solid var(--line)}
td{padding:6px 10px 6px 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
.steps th:first-child{width:54%}
.n{text-align:right;white-space:nowrap}
.t{white-space:nowrap}
td small{display:block;color:var(--soft);font-size:12.5px}
a{color:inherit;text-decoration-color:var(--faint);text-underline-offset:2px}
.pill{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;font-weight:600;line-height:19px;
white-space:nowrap}
.mark{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:6px}
.fail{background:var(--bad)}
.dashed{border:1px dashed var(--soft)}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:0 44px;align-items:start}
.pair h3{margin-top:16px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 8px;color:var(--soft);font-size:12.5px}
details{border-top:1px solid var(--line)}
details:last-of-type{border-bottom:1px solid var(--line)}
summary{display:flex;gap:12px;align-items:baseline;padding:9px 0;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:"\\25B8";color:var(--faint);font-size:11px}
details[open]>summary::before{content:"\\25BE"}
summary b{overflow-wrap:anywhere}
summary .end{margin-left:auto;color:var(--soft);font-size:13px;text-align:right}
.inside{padding:0 0 20px 20px}
.anchor{display:block;scroll-margin-top:60px}
ul{margin:4px 0;padding-left:18px}
li{margin:1px 0;overflow-wrap:anywhere}
pre{margin:6px 0;padding:10px 14px;border-radius:6px;background:var(--card);white-space:pre-wrap;overflow-wrap:anywhere}
footer{padding-top:36px;padding-bottom:48px;color:var(--soft);font-size:12.5px}
svg.chart{display:block;width:100%;height:auto;margin:0 0 14px;
font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif}
svg text{fill:var(--soft)}
svg .head{fill:var(--ink);font-weight:650;font-size:12px}
svg .name{fill:var(--ink)}
svg .tick text{text-anchor:middle;font-size:10.5px;font-variant-numeric:tabular-nums}
svg .tick path{stroke:var(--line);stroke-width:1;fill:none}
svg .odd{fill:var(--card);opacity:.7}
svg .gap rect{fill:var(--line);opacity:.55}
svg .gap text{text-anchor:middle;font-size:10px;fill:var(--faint)}
svg .x{fill:var(--bad);font-size:13px;font-weight:700}
.move{fill:var(--move);background:var(--move)}.read{fill:var(--read);background:var(--read)}
.make{fill:var(--make);background:var(--make)}.set{fill:var(--set);background:var(--set)}
.cut{fill:var(--cut);background:var(--cut)}.run{fill:var(--run);background:var(--run)}
svg .bad{fill:var(--bad)}svg .open{fill-opacity:.45;stroke:var(--ink);stroke-width:.7;stroke-dasharray:3 2}
@media (max-width:960px){.tiles{grid-template-columns:repeat(3,1fr)}}
@media (max-width:480px){.tiles{grid-template-columns:repeat(2,1fr)}}
@media (max-width:760px){.pair{grid-template-columns:1fr}}
@media (max-width:640px){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:6px}.scroll{overflow-x:auto}}
@media print{
:root{color-scheme:light;--ink:#000;--soft:#444;--faint:#777;--page:#fff;--card:#f3f4f6;--line:#ccd1d7;
--good:#1a7f4b;--good-back:#fff;--warn:#8a5a00;--warn-back:#fff;--bad:#b3261e;--bad-back:#fff;
--note:#2b5c9e;--note-back:#fff;
--move:#3b6fb6;--read:#3f9384;--make:#7c8899;--set:#b58a3c;--cut:#9273b3;--run:#aab3bf}
@page{margin:16mm 14mm}
body{font-size:9pt;line-height:1.4;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main,header,footer{max-width:none;padding-left:0;padding-right:0}
header{padding-top:0}
h2{margin-top:24px;font-size:13pt}
h3{margin-top:12px;font-size:8.5pt}
h2,h3,summary,.legend{break-after:avoid}
tr,svg.chart,.tile,.verdict,.pair{break-inside:avoid}
.tiles{grid-template-columns:repeat(6,1fr);gap:6px}
.tile{padding:7px 8px}
.tile b{font-size:11.5pt}
.tile span,td small,.pill,.legend{font-size:7.5pt}
code,.mono{font-size:7.5pt}
.pair{grid-template-columns:1fr 1fr;gap:0 22px}
.pair h3{margin-top:8px}
dl{gap:1px 12px;margin:4px 0}
th,td{padding-top:3px;padding-bottom:3px}
.inside{padding:0 0 12px 12px}
thead{display:table-header-group}
details::details-content{content-visibility:visible;display:block;block-size:auto}
details:not([open])>*{display:block}
summary{display:flex!important}
summary::before{content:none}
table{font-size:8.5pt}
}
"""
