/** The words of the panel, by language; those of the bell are in catalogues.js. */

const en = {
  all: "All",
  unread: "Unread",
  archived: "Archived",
  readAll: "Mark all as read",
  read: "Mark as read",
  unmark: "Mark as unread",
  archive: "Archive",
  restore: "Move back",
  now: "just now",
  more: "Load more",
  retry: "Try again",
  undo: "Undo",
  didArchive: "Archived.",
  didRestore: "Moved back.",
  didReadAll: "All marked as read.",
  failed: "That didn’t work, so it was taken back.",
  none: "You’re all caught up.",
  nothing: "Nothing here.",
  end: "That’s all.",
  offline: "Not connected. Trying again…",
  polling: "No live connection. Looking for news every few seconds.",
  news: "{n} new",
  viewAll: "All notifications",
  settings: "Settings",
  desktop: "Desktop notifications",
};

/** @typedef {keyof typeof en} PanelKey */

/** @type {Record<PanelKey, import("./catalogues.js").Text>} */
const ko = {
  all: "전체",
  unread: "읽지 않음",
  archived: "보관함",
  readAll: "모두 읽음으로 표시",
  read: "읽음으로 표시",
  unmark: "읽지 않음으로 표시",
  archive: "보관",
  restore: "되돌리기",
  now: "방금",
  more: "더 보기",
  retry: "다시 시도",
  undo: "실행 취소",
  didArchive: "보관했습니다.",
  didRestore: "되돌렸습니다.",
  didReadAll: "모두 읽음으로 표시했습니다.",
  failed: "처리하지 못해 되돌렸습니다.",
  none: "새로운 알림이 없습니다.",
  nothing: "알림이 없습니다.",
  end: "마지막 알림입니다.",
  offline: "연결이 끊겼습니다. 다시 연결하는 중…",
  polling: "실시간 연결이 되지 않아 몇 초마다 새 알림을 확인합니다.",
  news: "새 알림 {n}개",
  viewAll: "모든 알림",
  settings: "알림 설정",
  desktop: "바탕 화면 알림",
};

export const panelCatalogues = { en, ko };
