package parse

// codepage is a Windows code page by the name encodings go by.
func codepage(n int) string {
	switch n {
	case 874:
		return "windows-874"
	case 932:
		return "shift_jis"
	case 936:
		return "gbk"
	case 949:
		return "euc-kr"
	case 950:
		return "big5"
	case 1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258:
		return "windows-125" + string(rune('0'+n-1250))
	case 10000:
		return "macintosh"
	case 65001:
		return "utf-8"
	}
	return "windows-1252"
}

func fontCharset(n int) string {
	page, ok := map[int]int{77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250}[n]
	if !ok {
		return ""
	}
	return codepage(page)
}
